import msgspec
import pytest

from pipeline.core.alert_machine import Change, Look, Seen, decide, is_past
from pipeline.core.alert_message import Evidence
from pipeline.core.alert_notice import owed
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_state import AlertState, Phase
from pipeline.core.alert_transition import advance
from pipeline.core.rules import ErrorRate, Rule, Severity, Threshold, rank
from schemas.structs import Decided
from tests.scenarios.timeline import PAY

RULE = Rule(name="a", condition=ErrorRate(), thresholds=(Threshold("warning", 0.02), Threshold("critical", 0.05)))
LASTING = msgspec.structs.replace(RULE, for_ms=30_000)
KEEPING = msgspec.structs.replace(RULE, keep_firing_ms=60_000)
KEEP = msgspec.structs.replace(KEEPING, no_data="keep")
ALERT = msgspec.structs.replace(KEEPING, no_data="alert", for_ms=30_000)
NONE = Seen(0, known=False)
LOST = Seen(0, known=False, lost=True)
EVIDENCE = Evidence(value=0.1, samples=50, window="5m", start_ms=0, end_ms=100_000)


def look(end_ms: int, decided: Decided = "on_time") -> Look:
    return Look(end_ms, end_ms, decided)


def state(phase: Phase, severity: Severity = "warning", decided: Decided = "on_time") -> AlertState:
    """A state whose last transition was decided at 100 s."""
    return advance(RULE, PAY, None, Change(phase, severity, Reason.BREACH), look(100_000, decided), EVIDENCE).state


@pytest.mark.parametrize("phase", ["inactive", "pending", "firing", "recovering", "resolved"])
@pytest.mark.parametrize("seen", [Seen(0), Seen(1), Seen(2), NONE, LOST, Seen(0, awaited=True)])
@pytest.mark.parametrize("rule", [RULE, LASTING, KEEPING, KEEP, ALERT])
def test_a_look_before_the_last_transition_or_the_same_again_changes_nothing(
    phase: Phase, seen: Seen, rule: Rule
) -> None:
    for old in (look(90_000), look(100_000), look(100_000, "early"), look(90_000, "early")):
        assert is_past(state(phase), old)
        assert decide(rule, state(phase), seen, old) is None


def test_the_watermark_may_still_decide_a_step_that_was_decided_early() -> None:
    assert not is_past(state("firing", decided="early"), look(100_000))
    assert is_past(state("firing", decided="early"), look(90_000))


def test_a_severity_that_was_reached_holds_until_it_recovers_and_no_graver_one() -> None:
    critical = state("firing", "critical")
    assert decide(RULE, critical, Seen(1, held=2), look(130_000)) is None
    assert decide(RULE, critical, Seen(1, held=1), look(130_000)) == Change("firing", "warning", Reason.DE_ESCALATED)
    assert decide(RULE, critical, Seen(0, held=0), look(130_000)) == Change("resolved", "critical", Reason.RECOVERED)
    assert decide(RULE, state("firing"), Seen(1, held=2), look(130_000)) is None


def test_an_alert_without_data_stays_as_grave_as_it_was() -> None:
    assert decide(ALERT, state("firing", "critical"), NONE, look(130_000)) is None


def test_an_alert_is_over_at_the_exact_millisecond_after_keep_firing() -> None:
    assert decide(KEEPING, state("recovering"), Seen(0), look(159_999)) is None
    over = Change("resolved", "warning", Reason.RECOVERED)
    assert decide(KEEPING, state("recovering"), Seen(0), look(160_000)) == over
    no_data = Change("resolved", "warning", Reason.NO_DATA)
    assert decide(KEEPING, state("recovering"), NONE, look(160_000)) == no_data
    assert decide(KEEPING, state("recovering"), Seen(0), look(160_000, "early")) is None


def test_an_early_look_may_bring_an_alert_back() -> None:
    back = decide(KEEPING, state("recovering"), Seen(1), look(130_000, "early"))
    assert back == Change("firing", "warning", Reason.RELAPSED)


@pytest.mark.parametrize("phase", ["pending", "firing"])
@pytest.mark.parametrize("seen", [Seen(0), Seen(0, known=False), Seen(1)])
def test_nothing_ends_and_nothing_gets_milder_early(phase: Phase, seen: Seen) -> None:
    before = state(phase, "critical")
    assert decide(LASTING, before, seen, look(200_000, "early")) is None
    if phase == "firing":
        assert decide(LASTING, before, seen, look(200_000)) is not None


@pytest.mark.parametrize(
    ("rule", "before", "seen", "after"),
    [
        (RULE, None, Seen(0), None),
        (RULE, None, Seen(2), Change("firing", "critical", Reason.BREACH)),
        (RULE, None, Seen(2, enough=False), Reason.MIN_SAMPLES),
        (RULE, "resolved", Seen(1), Change("firing", "warning", Reason.BREACH)),
        (RULE, "inactive", Seen(1), Change("firing", "warning", Reason.BREACH)),
        (LASTING, None, Seen(1), Change("pending", "warning", Reason.WAITING)),
        (LASTING, "pending", Seen(2), Change("firing", "critical", Reason.BREACH)),
        (LASTING, "pending", Seen(0), Change("inactive", "warning", Reason.PASSED)),
        (LASTING, "pending", Seen(1, enough=False), Change("inactive", "warning", Reason.PASSED)),
        (LASTING, "pending", Seen(0, awaited=True), None),
        (RULE, None, Seen(0, awaited=True), Change("pending", "warning", Reason.WAITING)),
        (RULE, "firing", Seen(1), None),
        (RULE, "firing", Seen(2), Change("firing", "critical", Reason.ESCALATED)),
        (RULE, "firing", Seen(2, enough=False), Reason.KEPT_FEW_SAMPLES),
        (RULE, "firing", Seen(0), Change("resolved", "warning", Reason.RECOVERED)),
        (RULE, "firing", NONE, Change("resolved", "warning", Reason.NO_DATA)),
        (KEEPING, "firing", Seen(0), Change("recovering", "warning", Reason.CALM)),
        (KEEPING, "firing", NONE, Change("recovering", "warning", Reason.NO_DATA)),
        (KEEPING, "recovering", Seen(0), None),
        (KEEPING, "recovering", Seen(1), Change("firing", "warning", Reason.RELAPSED)),
        (KEEPING, "recovering", Seen(2), Change("firing", "critical", Reason.RELAPSED)),
        (KEEPING, "recovering", Seen(1, enough=False), Reason.KEPT_FEW_SAMPLES),
        (KEEPING, "recovering", Seen(0, held=2), None),
        (RULE, "firing", Seen(0, held=1), None),
        (RULE, "firing", Seen(0, held=2), None),
        (RULE, "firing", Seen(0, held=1, enough=False), Reason.KEPT_FEW_SAMPLES),
        (RULE, None, Seen(0, held=2), None),
        (LASTING, "pending", Seen(0, held=2), Change("inactive", "warning", Reason.PASSED)),
        (KEEP, "firing", NONE, Reason.KEPT_NO_DATA),
        (KEEP, "recovering", NONE, Reason.KEPT_NO_DATA),
        (KEEP, "pending", NONE, Reason.KEPT_NO_DATA),
        (KEEP, None, NONE, None),
        (KEEP, "firing", LOST, Change("recovering", "warning", Reason.NO_DATA)),
        (ALERT, None, NONE, Change("pending", "warning", Reason.WAITING)),
        (ALERT, "pending", NONE, Change("firing", "warning", Reason.NO_DATA)),
        (ALERT, "firing", NONE, None),
        (ALERT, "recovering", NONE, Change("firing", "warning", Reason.RELAPSED)),
        (ALERT, "firing", LOST, Change("recovering", "warning", Reason.NO_DATA)),
        (ALERT, None, LOST, None),
    ],
)
def test_each_state_goes_on_as_the_picture_says(
    rule: Rule, before: Phase | None, seen: Seen, after: Change | Reason | None
) -> None:
    assert decide(rule, None if before is None else state(before), seen, look(130_000)) == after


def test_a_wait_ends_at_the_exact_millisecond() -> None:
    assert decide(LASTING, state("pending"), Seen(1), look(129_999)) is None
    assert decide(LASTING, state("pending"), Seen(1), look(130_000)) == Change("firing", "warning", Reason.BREACH)


def test_a_severity_that_was_told_is_owed_no_more() -> None:
    told = state("firing")
    assert not owed(told)
    assert owed(msgspec.structs.replace(told, told_severity=None))
    assert owed(msgspec.structs.replace(told, severity="critical"))
    assert not owed(state("resolved"))
    assert not owed(None)


def test_severities_have_an_order() -> None:
    assert [rank(severity) for severity in (None, "info", "warning", "critical")] == [0, 1, 2, 3]
