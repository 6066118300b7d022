"""Checks of alerts: holes, overlaps, ends that never come, states that disagree, critical errors without an episode."""

from __future__ import annotations

from itertools import count

import msgspec

from faults.verdict.account import Account
from faults.verdict.check_alerts import check_alerts, check_history_alerts
from faults.verdict.check_critical import check_critical
from faults.verdict.log import Critical
from pipeline.core.alert_state import AlertState, SignalMarks, encode_state, state_key
from pipeline.core.series import Series, shard_of
from pipeline.settings import Settings
from schemas.structs import Alert, encode

NOW_MS = 1_763_791_200_000
SERIES = Series("prod", "shop", "pay")


def an_alert(episode: int, sequence: int, state: str, at_s: int = 0, **more: object) -> Alert:
    fields = {
        "alert_id": f"episode-{episode}",
        "episode": episode,
        "sequence": sequence,
        "rule": "error-rate",
        "rule_type": "absence",
        "state": state,
        "previous_state": "inactive",
        "severity": "warning",
        "environment": SERIES.environment,
        "service": SERIES.service,
        "operation": SERIES.operation,
        "series": SERIES.label(),
        "comparison": ">",
        "unit": "ratio",
        "window": "1m",
        "window_start_ms": 0,
        "window_end_ms": 1,
        "samples": 20,
        "step_end_ms": NOW_MS + at_s * 1_000,
        "decided": "on_time",
        "started_ms": NOW_MS + at_s * 1_000,
        "notify": True,
        "notify_reason": "NOTIFY_FIRST",
        "summary": "made by a test",
    }
    return msgspec.convert(fields | more, Alert)


def told(*alerts: Alert, state_of: Alert | None = None, count_now: int = 0) -> Account:
    """An account of these transitions, and a state that stands at the last one, or another."""
    account, order = Account.of(Settings()), count()
    account.taken_ms = NOW_MS
    for alert in alerts:
        account.alerts.take(encode(alert), next(order))
    last = state_of or alerts[-1]
    state = AlertState(
        rule=last.rule,
        series=SERIES,
        state=last.state,
        severity="warning",
        episode=last.episode,
        sequence=last.sequence,
        started_ms=last.started_ms,
        since_ms=last.step_end_ms,
        last_step_ms=last.step_end_ms,
        last_decided=last.decided,
        last_transition=last,
        signals=SignalMarks(0, count_now, {}),
    )
    account.alerts.take_state(state_key(last.rule, SERIES).encode(), encode_state(state))
    return account


FIRED, RESOLVED = an_alert(1, 1, "firing"), an_alert(1, 2, "resolved", 60)


def test_an_episode_with_its_end_passes_and_so_does_what_is_sent_again() -> None:
    found = check_alerts(told(FIRED, RESOLVED, FIRED, RESOLVED))
    assert found.passed, found.differences
    assert found.figures["sent again"] == 2


def test_two_contents_of_one_transition_are_found() -> None:
    (text,) = check_alerts(told(FIRED, RESOLVED, an_alert(1, 1, "firing", samples=21), state_of=RESOLVED)).differences
    assert "episode-1 sequence 1: two contents" in text


def test_a_hole_in_the_sequence_is_found() -> None:
    (text,) = check_alerts(told(FIRED, an_alert(1, 3, "resolved", 60))).differences
    assert text.endswith("episode 1 sequence 3 follows sequence 1")


def test_a_lost_first_transition_is_found() -> None:
    (text,) = check_alerts(told(RESOLVED)).differences
    assert text.endswith("episode 1 sequence 2 is the first that was told of it")


def test_a_lost_episode_is_found() -> None:
    third = [an_alert(3, 1, "firing", 100), an_alert(3, 2, "resolved", 160)]
    (text,) = check_alerts(told(FIRED, RESOLVED, *third)).differences
    assert text.endswith("episode 3 sequence 1 follows episode 1")


def test_episodes_that_overlap_are_found() -> None:
    texts = check_alerts(told(FIRED, an_alert(2, 1, "firing", 30), an_alert(2, 2, "resolved", 60))).differences
    assert any(text.endswith("comes before episode 1 is over") for text in texts)


def test_a_state_that_stands_elsewhere_than_the_last_alert_is_found() -> None:
    (text,) = check_alerts(told(FIRED, RESOLVED, state_of=FIRED)).differences
    assert "the state is at episode-1 sequence 1, the last alert is episode-1 2" in text


def test_an_alert_without_a_state_and_a_state_without_an_alert_are_found() -> None:
    account = told(FIRED, RESOLVED)
    account.alerts.states.clear()
    (text,) = check_alerts(account).differences
    assert text.endswith("no state, an alert")
    account = told(FIRED, RESOLVED)
    account.alerts.heard.clear()
    (text,) = check_alerts(account).differences
    assert text.endswith("a state, no alert")


def test_a_step_that_no_alert_can_take_is_found() -> None:
    (text,) = check_alerts(told(FIRED, an_alert(1, 2, "inactive", 60))).differences
    assert text.endswith("episode 1 sequence 2 is inactive, and was firing before")


def test_an_alert_may_recover_and_fire_again_within_its_episode() -> None:
    again = [an_alert(1, 2, "recovering", 30), an_alert(1, 3, "firing", 40), an_alert(1, 4, "recovering", 50)]
    found = check_alerts(told(FIRED, *again, an_alert(1, 5, "resolved", 60)))
    assert found.passed, found.differences
    assert found.figures["episodes fired"] == 1


def test_an_alert_that_is_recovering_for_ever_is_found() -> None:
    account = told(FIRED, an_alert(1, 2, "recovering", 60))
    stats(account, 130, error_rate=0.05)
    assert check_alerts(account).passed
    stats(account, 140, error_rate=0.05)
    (text,) = check_alerts(account).differences
    assert "never resolved, but nothing came back until" in text


def stats(account: Account, at_s: int, *, error_rate: float) -> None:
    """Say on `stats` how the series stands at a step."""
    window = {
        **dict.fromkeys(("events", "calls"), 100),
        **dict.fromkeys(("failures", "client_errors", "timeouts", "cancelled", "error_events"), 0),
        "error_rate": error_rate,
    }
    body = {
        "environment": SERIES.environment,
        "service": SERIES.service,
        "operation": SERIES.operation,
        "step_end_ms": NOW_MS + at_s * 1_000,
        "status": "on_time",
        "revision": 0,
        "windows": dict.fromkeys(("1m", "5m", "15m", "1h"), window),
    }
    account.stats.take(shard_of(SERIES, 8), msgspec.json.encode(body))


def test_an_alert_that_fires_at_the_end_is_right_only_while_its_condition_holds() -> None:
    firing = an_alert(1, 1, "firing", rule_type="error_rate", threshold=0.1)
    account = told(firing)
    stats(account, 60, error_rate=0.2)
    assert check_alerts(account).passed
    stats(account, 70, error_rate=0.05)
    (text,) = check_alerts(account).differences
    assert "never resolved, but error_rate is 0.05" in text


def test_clickhouse_must_have_every_transition_once_and_as_it_was() -> None:
    account = told(FIRED, RESOLVED)
    rows = [("episode-1", alert.sequence, encode(alert).decode()) for alert in (FIRED, RESOLVED)]
    assert check_history_alerts(account, rows).passed
    (text,) = check_history_alerts(account, rows[:1]).differences
    assert text == "episode-1 sequence 2: not in ClickHouse"
    (text,) = check_history_alerts(account, [rows[0], (*rows[1][:2], "{}")]).differences
    assert text == "episode-1 sequence 2: differs"
    (text,) = check_history_alerts(account, [*rows, rows[1]]).differences
    assert text == "episode-1 sequence 2: 2 times in ClickHouse"


CRITICAL = {"rule": "critical-error", "rule_type": "critical_error", "window": "20s"}


def critical_account(errors_s: list[int], resolved_s: int | None, counted: int) -> Account:
    """One episode from the first error on; `counted` is what its end, or its state, says."""
    fired = an_alert(1, 1, "firing", errors_s[0], **CRITICAL)
    over = [] if resolved_s is None else [an_alert(1, 2, "resolved", resolved_s, **CRITICAL, samples=counted)]
    over = [msgspec.structs.replace(alert, started_ms=fired.started_ms) for alert in over]
    account = told(fired, *over, count_now=counted)
    for error_s in errors_s:
        at_ms = NOW_MS + error_s * 1_000
        account.log.criticals.append(Critical(SERIES, at_ms, at_ms))
    return account


def test_critical_errors_that_an_episode_covers_and_has_counted_pass() -> None:
    for resolved_s in (None, 30):
        found = check_critical(critical_account([0, 5, 9], resolved_s, 3))
        assert found.passed, found.differences


def test_a_critical_error_after_its_episodes_end_is_found() -> None:
    texts = check_critical(critical_account([0, 15], 30, 2)).differences
    assert "is in no episode" in texts[0]


def test_a_critical_error_that_was_counted_twice_or_not_is_found() -> None:
    for counted in (1, 3):
        (text,) = check_critical(critical_account([0, 5], 30, counted)).differences
        assert text.endswith(f"2 critical errors, {counted} counted")


def test_critical_errors_without_any_alert_are_found() -> None:
    account = Account.of(Settings())
    account.log.criticals.append(Critical(SERIES, NOW_MS, NOW_MS))
    assert not check_critical(account).passed
