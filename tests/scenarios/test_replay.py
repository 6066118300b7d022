"""Whatever the traffic, wherever the crash: replaying gives the same transitions, each with one content."""

from collections import defaultdict
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.alert_engine import evaluate
from pipeline.core.alert_signal import evaluate_signal
from pipeline.core.alert_transition import Evaluation, Transition
from pipeline.core.series import Series
from schemas.structs import Alert, encode
from tests.scenarios.timeline import PAY, Timeline, Traffic, critical_error, ms

RULES = """
rules:
  - {name: successes, type: success_rate, window: 1m, severities: {warning: 95%, critical: 80%}, cooldown: 0,
     keep_firing: 0, no_data: alert}
  - {name: errors, type: error_rate, window: 1m, severities: {warning: 10%, critical: 30%}, cooldown: 1m,
     keep_firing: 30s, recovery: {warning: 5%, critical: 20%}}
  - {name: lasting, type: error_rate, window: 1m, for: 20s, severities: {info: 20%}, cooldown: 1m, keep_firing: 10s,
     no_data: keep}
  - {name: slow, type: response_time, statistic: max, window: 1m, group_by: service, severities: {warning: 1s},
     keep_firing: 20s}
  - {name: down, type: absence, group_by: operation, severities: {warning: 20s, critical: 40s}, cooldown: 30s,
     keep_firing: 20s}
  - {name: critical, type: critical_error, hold: 30s, cooldown: 30s}
"""
REFUND = Series("prod", "checkout", "refund")
STEPS = 20


@dataclass(frozen=True)
class Look:
    """A step's end (seconds), an early look at it, or a critical error."""

    kind: str  # on_time, early, signal
    at: int
    offset: int = 0
    missing: bool = False  # a source partition is read by nobody


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    traffic = Traffic()
    for pane in range(STEPS):
        for series in (PAY, REFUND):
            calls = draw(st.sampled_from([0, 0, 5, 25, 40]))
            failures = draw(st.integers(0, calls)) if draw(st.booleans()) else 0
            duration_us = draw(st.sampled_from([1_000, 1_000, 3_000_000]))
            if calls:
                traffic.add(pane * 10 + draw(st.integers(0, 9)), calls, failures, series, duration_us=duration_us)
    return traffic


@st.composite
def looks(draw: st.DrawFn, *, early: bool) -> list[Look]:
    """Every step on the watermark, one step late, with errors and perhaps early looks between them."""
    made: list[Look] = []
    for step in range(1, STEPS + 1):
        if early and draw(st.booleans()):
            made.append(Look("early", step * 10))
        if draw(st.integers(0, 5)) == 0:
            made.append(Look("signal", step * 10 - draw(st.integers(0, 15)), offset=step))
        if step > 1:
            made.append(Look("on_time", step * 10 - 10, missing=draw(st.integers(0, 4)) == 0))
    return made


def seen(line: Timeline, look: Look) -> Evaluation:
    if look.kind == "signal":
        signal = critical_error(look.at, look.offset, PAY if look.offset % 2 else REFUND)
        return evaluate_signal(line.compiled, signal, line.states, ms(look.at))
    early = look.kind == "early"
    view = line.traffic.view(ms(look.at), "early" if early else "on_time", ms(look.at - 5) if early else None)
    if look.missing:
        view.completeness = 0.75
    return evaluate(line.compiled, view, line.states)


def run(line: Timeline, todo: list[Look]) -> None:
    for look in todo:
        line.take(seen(line, look))


def run_with_crash(line: Timeline, todo: list[Look], crash: int, kept: int, again: int) -> None:
    """Run up to a look, keep a part of what it decides, restart, and go on from a few looks before."""
    run(line, todo[:crash])
    line.keep_only(seen(line, todo[crash]), kept)
    line.restart()
    run(line, [look for look in todo[max(crash - again, 0) : crash] if look.kind != "early"])
    run(line, todo[crash:])


def alerts(transitions: list[Transition]) -> list[Alert]:
    return [transition.alert for transition in transitions if transition.alert is not None]


@given(
    traffic=traffics(),
    todo=looks(early=False),
    crash=st.integers(0, STEPS - 2),
    kept=st.integers(0, 4),
    again=st.integers(0, 8),
)
@settings(max_examples=60, deadline=None)
def test_a_replay_on_the_watermark_gives_the_same_transitions(
    traffic: Traffic, todo: list[Look], crash: int, kept: int, again: int
) -> None:
    whole, torn = Timeline(RULES, traffic), Timeline(RULES, traffic)
    run(whole, todo)
    run_with_crash(torn, todo, crash, kept, again)
    assert [encode(alert) for alert in alerts(torn.transitions)] == [
        encode(alert) for alert in alerts(whole.transitions)
    ]
    assert {state.key: state for state in torn.states} == {state.key: state for state in whole.states}


@given(
    traffic=traffics(),
    todo=looks(early=True),
    crash=st.integers(0, STEPS - 2),
    kept=st.integers(0, 4),
    again=st.integers(0, 8),
)
@settings(max_examples=60, deadline=None)
def test_with_early_looks_each_transition_has_one_content_and_follows_the_one_before(
    traffic: Traffic, todo: list[Look], crash: int, kept: int, again: int
) -> None:
    line = Timeline(RULES, traffic)
    run_with_crash(line, todo, crash, kept, again)
    run(line, [Look("on_time", at) for at in range(STEPS * 10, STEPS * 10 + 200, 10)])
    episodes: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts(line.transitions):
        episodes[alert.alert_id].append(alert)
    for found in episodes.values():
        assert [alert.sequence for alert in found] == list(range(1, len(found) + 1))
        assert found[0].previous_state in ("inactive", "resolved")
        assert [alert.previous_state for alert in found[1:]] == [alert.state for alert in found[:-1]]
        told = [alert for alert in found if alert.notify]
        assert found[-1].state in ("resolved", "inactive") or found[-1].rule in ("down", "successes", "lasting")
        assert not told or told[0].state == "firing"
        assert len({(alert.severity, alert.state) for alert in told}) == len(told)
        fired = any(alert.state == "firing" for alert in found)
        over = [alert.state for alert in found if alert.state in ("resolved", "inactive")]
        assert over in ([], ["resolved" if fired else "inactive"])
        assert not over or found[-1].state == over[0]
    numbers = {(alert.rule, alert.series, alert.episode) for found in episodes.values() for alert in found}
    assert len(numbers) == len(episodes)


@given(traffic=traffics(), todo=looks(early=True))
@settings(max_examples=30, deadline=None)
def test_looking_at_everything_again_changes_nothing(traffic: Traffic, todo: list[Look]) -> None:
    line = Timeline(RULES, traffic)
    run(line, todo)
    before = {state.key: state for state in line.states}
    line.restart()
    finals = [look.at for look in todo if look.kind == "on_time"]
    again = [look for look in todo if look.kind != "early" or look.at <= finals[-1]]
    known = len(line.transitions)
    run(line, again)
    assert line.transitions[known:] == []
    assert {state.key: state for state in line.states} == before
