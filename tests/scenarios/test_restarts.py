"""A worker that dies and comes back reads its states, looks at the last steps again, and nobody notices."""

import pytest

from pipeline.core.alert_transition import Transition
from schemas.structs import encode
from tests.scenarios.timeline import Timeline, Traffic, ms

RULES = """
rules:
  - {name: successes, type: success_rate, keep_firing: 0, window: 1m, severities: {warning: 95%, critical: 90%}}
  - {name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%, critical: 5%}, cooldown: 2m}
  - {name: lasting, type: error_rate, keep_firing: 0, window: 1m, for: 30s, severities: {info: 1%}}
  - {name: p95, type: response_time, keep_firing: 0, window: 5m, severities: {warning: 1s}}
  - {name: down, type: absence, keep_firing: 0, group_by: service, severities: {critical: 2m}}
"""
END = 900


def traffic() -> Traffic:
    """::

    second     0    100     200      300       400     500          700    900
    calls      good 3 % bad 20 % bad good      3 % bad  ── silence ── slow
    """
    made = Traffic()
    for start, end, failures in ((0, 100, 0), (100, 200, 3), (200, 300, 20), (300, 400, 0), (400, 500, 3)):
        made.steady(start, end, 100, failures)
    made.steady(700, END, 100, duration_us=2_000_000)
    return made


@pytest.fixture(scope="module")
def undisturbed() -> list[bytes]:
    line = Timeline(RULES, traffic())
    line.run(0, END)
    return sent(line.transitions)


def sent(transitions: list[Transition]) -> list[bytes]:
    return [encode(transition.alert) for transition in transitions if transition.alert is not None]


def test_the_undisturbed_run_passes_through_every_state(undisturbed: list[bytes]) -> None:
    everything = b"\n".join(undisturbed)
    for word in (b"pending", b"inactive", b"firing", b"resolved", b"SUPPRESS_HIDDEN", b"COOLDOWN", b"ESCALATED"):
        assert word in everything


@pytest.mark.parametrize(
    "stop", [50, 110, 120, 130, 150, 210, 220, 260, 310, 330, 360, 410, 440, 460, 560, 620, 760, 850]
)
@pytest.mark.parametrize("again", [0, 10, 60])
def test_a_restart_at_any_time_changes_nothing_that_is_told(stop: int, again: int, undisturbed: list[bytes]) -> None:
    line = Timeline(RULES, traffic())
    line.run(0, stop)
    line.restart()
    before = len(line.transitions)
    line.run(max(stop - again, 0), stop)
    assert line.transitions[before:] == []
    line.run(stop, END)
    assert sent(line.transitions) == undisturbed


def test_a_state_record_carries_the_transition_that_may_not_have_been_sent(undisturbed: list[bytes]) -> None:
    line = Timeline(RULES, traffic())
    line.run(0, 220)
    line.restart()
    for state in line.states:
        assert encode(state.last_transition) in undisturbed


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_crash_between_two_states_of_one_step_loses_none(kept: int) -> None:
    def at_the_storm() -> Timeline:
        line = Timeline(RULES.replace("info: 1%", "info: 25%"), Traffic())
        line.traffic.steady(0, 60, 100)
        line.traffic.steady(60, 70, 900, 900)
        line.run(0, 60)
        return line

    whole = at_the_storm()
    whole.step(70)
    assert len(whole.transitions) == 3
    torn = at_the_storm()
    torn.keep_only(torn.look(70), kept)
    torn.restart()
    torn.run(30, 70)
    assert sorted(sent(torn.transitions)) == sorted(sent(whole.transitions))


@pytest.mark.parametrize("ended", [True, False])
def test_an_alert_that_fired_early_is_followed_and_not_decided_anew(*, ended: bool) -> None:
    line = Timeline(RULES, Traffic())
    line.traffic.steady(0, 60, 100)
    line.run(0, 60)
    line.traffic.add(61, 200, 60)
    (fired,) = [one for one in line.step(70, "early") if one.state.rule == "errors"]
    line.restart()
    if ended:
        line.traffic.add(65, 100_000)
    replayed = [one for one in line_steps(line, 30, 70) if one.state.rule == "errors"]
    assert [one.state.state for one in replayed] == (["resolved"] if ended else [])
    assert all(one.state.last_transition.alert_id == fired.state.last_transition.alert_id for one in replayed)
    assert [one.state.sequence for one in replayed] == ([2] if ended else [])


def line_steps(line: Timeline, start: int, end: int) -> list[Transition]:
    return [one for at in range(start, end + 1, 10) for one in line.step(at)]


def test_what_has_been_quiet_for_a_day_can_be_forgotten_and_nothing_else() -> None:
    line = Timeline(RULES, traffic())
    line.run(0, END)
    active = [state.key for state in line.states if state.state in ("pending", "firing")]
    assert line.states.forgettable(ms(END)) == []
    keys = line.states.forgettable(ms(END + 86_400 + 600))
    assert keys
    for key in keys:
        line.states.forget(key)
    assert [state.key for state in line.states] == active


def test_a_replay_does_not_judge_old_steps_by_what_another_alert_became_later() -> None:
    """At 70 the error rate's alert ends, and the success rate's, hidden till then, is told. The crash is in between."""
    line = Timeline("""
rules:
  - {name: successes, type: success_rate, keep_firing: 0, window: 5m, severities: {critical: 90%}}
  - {name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {critical: 5%}}
""")
    line.traffic.add(5, 100, 20)
    line.run(0, 60)
    line.keep_only(line.look(70), 1)
    line.restart()
    assert line.run(20, 70) == ["70 firing critical TOLD_LATE NOTIFY_UNHIDDEN"]
