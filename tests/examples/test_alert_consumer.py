"""What the alert consumer does with an alert; that it follows the topic is shown on the real stack."""

from examples.alert_consumer import Seen, is_news, line
from schemas.alert import Alert

ALERT: dict[str, object] = {
    "alert_id": "a1",
    "episode": 1,
    "sequence": 2,
    "rule": "error-rate",
    "rule_type": "error_rate",
    "state": "firing",
    "previous_state": "pending",
    "severity": "critical",
    "environment": "prod",
    "service": "checkout",
    "operation": "pay",
    "series": "prod/checkout/pay",
    "value": 0.08,
    "threshold": 0.05,
    "comparison": ">",
    "unit": "ratio",
    "window": "5m",
    "window_start_ms": 1763791200000,
    "window_end_ms": 1763791500000,
    "samples": 120,
    "step_end_ms": 1763791500000,
    "decided": "on_time",
    "started_ms": 1763791490000,
    "notify": True,
    "notify_reason": "NOTIFY_FIRST",
    "summary": "8 % of calls failed",
}


def test_an_alert_becomes_one_line() -> None:
    alert = Alert.model_validate(ALERT).model_dump()
    assert line(alert) == "2025-11-22 06:05:00 FIRING    critical  prod/checkout/pay  8 % of calls failed"


def test_a_breach_that_comes_back_while_its_alert_recovers_is_no_news_unless_it_is_graver() -> None:
    back = ALERT | {"previous_state": "recovering", "previous_severity": "critical"}
    assert is_news(ALERT)
    assert not is_news(back)
    assert is_news(back | {"previous_severity": "warning"})
    assert is_news(back | {"state": "resolved"})
    assert not is_news(ALERT | {"state": "recovering", "previous_state": "firing"})


def test_a_transition_is_acted_on_once_however_often_it_arrives() -> None:
    seen = Seen()
    arriving = [("a", 1), ("a", 2), ("b", 1), ("a", 1), ("a", 2), ("a", 3)]
    assert [one for one in arriving if seen.is_new(*one)] == [("a", 1), ("a", 2), ("b", 1), ("a", 3)]


def test_memory_is_bounded_by_forgetting_the_alerts_that_moved_longest_ago() -> None:
    seen = Seen(limit=2)
    assert all(seen.is_new(*one) for one in [("a", 1), ("b", 1), ("a", 2), ("c", 1)])
    assert not seen.is_new("a", 2)
    assert seen.is_new("b", 1)
