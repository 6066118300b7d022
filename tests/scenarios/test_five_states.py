"""A worker that dies in any of the five states: whoever takes over goes on as if nothing had happened."""

from __future__ import annotations

from collections import defaultdict

import pytest

from pipeline.core.alert_reasons import Reason
from schemas.structs import Alert, encode
from tests.scenarios.timeline import Timeline, Traffic, ms

RULES = """
rules:
  - {name: errors, type: error_rate, window: 1m, severities: {warning: 2%, critical: 30%}, for: 30s, keep_firing: 40s,
     recovery: 1%, message: "{value} of {samples}", runbook: "https://wiki/errors"}
"""
END = 500


def traffic() -> Traffic:
    """::

    second    0    50  60          160     200  260   290     360        500
    calls     good bad good        bad     good       bad good
    state          pending inactive pending firing recovering firing recovering resolved
    """
    made = Traffic()
    for start, end, calls, failures in (
        (0, 50, 100, 0),
        (50, 60, 100, 20),
        (60, 70, 1_000, 0),
        (70, 160, 100, 0),
        (160, 200, 100, 40),
        (200, 290, 100, 0),
        (290, 300, 100, 20),
        (300, END, 100, 0),
    ):
        made.steady(start, end, calls, failures)
    return made


@pytest.fixture(scope="module")
def undisturbed() -> Timeline:
    line = Timeline(RULES, traffic())
    line.run(0, END)
    return line


def sent(line: Timeline) -> list[bytes]:
    return [encode(alert) for alert in alerts_of(line)]


def alerts_of(line: Timeline) -> list[Alert]:
    return [one.alert for one in line.transitions if one.alert is not None]


def state_at(line: Timeline, at: int) -> str:
    """The state after the step that ends at a second."""
    states = [one.state.state for one in line.transitions if one.state.last_step_ms <= ms(at)]
    return states[-1] if states else "inactive"


def test_the_undisturbed_run_is_in_every_state_for_several_steps(undisturbed: Timeline) -> None:
    steps: defaultdict[str, int] = defaultdict(int)
    for at in range(10, END + 1, 10):
        steps[state_at(undisturbed, at)] += 1
    assert set(steps) == {"inactive", "pending", "firing", "recovering", "resolved"}
    assert min(steps.values()) >= 3
    assert {Reason.RELAPSED, Reason.PASSED} <= {one.reason for one in undisturbed.transitions}
    (state,) = undisturbed.states
    assert state.episode == 2


@pytest.mark.parametrize("stop", range(10, END, 10))
@pytest.mark.parametrize("again", [0, 30])
def test_a_restart_between_any_two_steps_changes_nothing(stop: int, again: int, undisturbed: Timeline) -> None:
    line = Timeline(RULES, traffic())
    line.run(0, stop)
    line.restart()
    before = len(line.transitions)
    line.run(max(stop - again, 0), stop)
    assert line.transitions[before:] == []
    line.run(stop, END)
    assert sent(line) == sent(undisturbed)
    assert list(line.states) == list(undisturbed.states)


def test_a_restart_at_every_step_starts_no_clock_anew(undisturbed: Timeline) -> None:
    line = Timeline(RULES, traffic())
    for at in range(10, END + 1, 10):
        line.step(at)
        line.restart()
    assert sent(line) == sent(undisturbed)


def test_every_record_of_an_episode_has_its_number_its_evidence_and_its_rule(undisturbed: Timeline) -> None:
    for alert_id in {alert.alert_id for alert in alerts_of(undisturbed)}:
        episode = [alert for alert in alerts_of(undisturbed) if alert.alert_id == alert_id]
        assert [alert.sequence for alert in episode] == list(range(1, len(episode) + 1))
        assert sum(alert.state == "resolved" for alert in episode) == any(one.state == "firing" for one in episode)
        told = [(alert.severity, alert.state) for alert in episode if alert.notify]
        assert len(set(told)) == len(told)
        assert {alert.rule_version for alert in episode} == {episode[0].rule_version}
        assert all(alert.sql and alert.runbook and alert.samples for alert in episode)
