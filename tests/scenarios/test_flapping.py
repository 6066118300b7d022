"""Flapping and duplicates: what dances about its threshold is one episode, and people hear of it twice."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.core.alert_transition import Transition
from tests.scenarios.timeline import Timeline, Traffic, by_default, ms

HOUR = 3_600
STEP = 10
PANES_OF_5M = 30


def dancing(edge: int) -> Traffic:
    """Traffic whose error rate over 5 m is `edge` of 30,000 calls at one step, one failure more at the next.

    Every even pane has a failure more than the one five minutes before, which leaves the window; every odd one less.
    """
    made, half = Traffic(), edge // PANES_OF_5M
    failures = [half + (6 if pane % 2 else -6) for pane in range(PANES_OF_5M)]
    for pane in range(PANES_OF_5M, (HOUR + 300) // STEP):
        failures.append(failures[pane - PANES_OF_5M] + (-1 if pane % 2 else 1))
    for pane, failed in enumerate(failures):
        made.add(pane * STEP + 5, 1_000, failed)
    made.steady(HOUR + 300, HOUR + 900, 1_000)
    return made


def notices(told: list[Transition]) -> list[str]:
    """Rule, state and severity of what people are told."""
    alerts = [one.alert for one in told if one.alert is not None and one.alert.notify]
    return [f"{alert.rule} {alert.state} {alert.severity}" for alert in alerts]


@pytest.mark.parametrize(
    ("edge", "told"),
    [
        (600, ["error-rate firing warning", "error-rate resolved warning"]),
        # The graver severity dances: each is told once, and success-rate says the same, so it is hidden.
        (
            1_500,
            ["error-rate firing warning", "error-rate firing critical", "error-rate resolved warning"],
        ),
    ],
)
def test_a_breach_every_other_step_for_an_hour_is_one_episode_and_told_once_with_its_end(
    edge: int, told: list[str]
) -> None:
    line = by_default()
    line.traffic = dancing(edge)
    rates = [rate(line.traffic, at) for at in range(300, HOUR + 300, STEP)]
    assert set(rates) == {edge / 30_000, (edge + 1) / 30_000}
    assert all(one != other for one, other in pairwise(rates))
    line.run(290, HOUR + 900)
    of_errors = [one for one in line.transitions if one.state.rule == "error-rate"]
    assert {one.state.episode for one in of_errors} == {1}
    assert len(of_errors) > HOUR / STEP * 0.9
    assert notices(line.transitions) == told


def rate(traffic: Traffic, at: int) -> float:
    """The share of failed calls in the five minutes before a second, from the traffic itself."""
    seen = [event for event in traffic.events if ms(at - 300) <= event.at_ms < ms(at)]
    return sum(event.failures for event in seen) / sum(event.calls for event in seen)


RULE = "rules: [{name: errors, type: error_rate, window: 1m, severities: {warning: 2%, critical: 50%}}]"


def test_a_breach_that_comes_back_within_keep_firing_belongs_to_the_episode() -> None:
    """::

    bad pane     ▌         ▌
    firing       ██████    ██████
    recovering         ████      ██████
    step         10    70  110   170   230
    """
    line = Timeline(RULE)
    line.traffic.spells(0, 100)
    assert line.run(0, 300) == [
        "10 firing warning BREACH NOTIFY_FIRST",
        "70 recovering warning CALM SUPPRESS_RECOVERING",
        "110 firing warning RELAPSED SUPPRESS_ALREADY_TOLD",
        "170 recovering warning CALM SUPPRESS_RECOVERING",
        "230 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]
    alerts = [one.state.last_transition for one in line.transitions]
    assert len({alert.alert_id for alert in alerts}) == 1
    assert [alert.sequence for alert in alerts] == [1, 2, 3, 4, 5]
    assert {alert.fired_ms for alert in alerts} == {ms(10)}
    assert alerts[1].summary.endswith("; it is over if this lasts 1m")


def test_one_that_comes_back_graver_is_told() -> None:
    line = Timeline(RULE)
    line.traffic.spells(0)
    line.traffic.add(107, 2_000, 2_000)
    assert line.run(0, 110)[-1] == "110 firing critical RELAPSED NOTIFY_ESCALATED"


def test_one_that_comes_back_milder_is_not_told_and_fires_as_what_it_is() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 100, 100)
    line.traffic.spells(100)
    assert line.run(0, 110)[-1] == "110 firing warning RELAPSED SUPPRESS_ALREADY_TOLD"


def test_a_breach_that_comes_back_needs_not_last_again() -> None:
    line = Timeline(RULE.replace("window", "for: 30s, window"))
    line.traffic.spells(0, 100)
    assert line.run(0, 110) == [
        "10 pending warning WAITING SUPPRESS_PENDING",
        "40 firing warning BREACH NOTIFY_FIRST",
        "70 recovering warning CALM SUPPRESS_RECOVERING",
        "110 firing warning RELAPSED SUPPRESS_ALREADY_TOLD",
    ]


def test_what_was_never_told_is_told_when_it_comes_back_after_the_cooldown() -> None:
    line = Timeline(RULE.replace("window", "cooldown: 70s, keep_firing: 30s, window"))
    line.traffic.spells(0, 110, 180)
    assert line.run(0, 190)[3:] == [
        "120 firing warning BREACH SUPPRESS_COOLDOWN",
        "170 firing warning TOLD_LATE NOTIFY_COOLDOWN_OVER",
        "180 recovering warning CALM SUPPRESS_RECOVERING",
        "190 firing warning RELAPSED SUPPRESS_ALREADY_TOLD",
    ]


def test_an_alert_hides_another_while_it_recovers_too() -> None:
    """Both are over at 70, but the hidden one's window is longer: it must not page when the other is recovering."""
    line = Timeline("""
rules:
  - {name: successes, type: success_rate, window: 5m, severities: {critical: 99.9%}}
  - {name: errors, type: error_rate, window: 1m, severities: {critical: 2%}}
""")
    line.traffic.spells(0, 100)
    line.run(0, 220)
    assert notices(line.transitions) == ["errors firing critical"]
