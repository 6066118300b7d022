"""Which alert over a longer window says no more than people were told, and for how long after that was over."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.notices.causes import echo_ms
from pipeline.core.notices.suppression import Why
from tests.contracts.kafka_records import NOW_MS
from tests.contracts.told_records import alert
from tests.core.notice_desk import HOUR_MS, MINUTE_MS, START_MS, Desk

DAY: dict[str, Any] = {
    "rule": "error-rate-day", "window": "24h", "window_start_ms": NOW_MS - 24 * HOUR_MS, "window_end_ms": NOW_MS
}  # fmt: skip


def hidden(desk: Desk) -> list[tuple[str, int | None]]:
    """Which alerts are hidden, and until when after the start."""
    mutes = [(one.alert.alert_id, one.mute.until_ms) for one in desk.held_back if one.mute.why is Why.INHIBITED_BY]
    return [(name, None if until_ms is None else until_ms - START_MS) for name, until_ms in mutes]


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "error"},  # graver
        {"series": "prod/checkout/refund"},
        {"rule_type": "response_time"},
        {"window_start_ms": NOW_MS - 5 * MINUTE_MS},  # no longer than the other
    ],
)
def test_what_is_graver_elsewhere_of_another_kind_or_no_longer_is_told(changes: dict[str, Any]) -> None:
    desk = Desk()
    desk.tell("short", severity="warning")
    desk.tell("day", **(DAY | {"severity": "warning"} | changes))
    desk.wait(120)
    assert hidden(desk) == []
    assert {one.alert_id for sent in desk.sent for one in sent.notification.alerts} == {"short", "day"}


def test_an_alert_that_was_as_grave_before_it_got_milder_still_hides() -> None:
    desk = Desk()
    desk.tell("short", severity="critical")
    desk.wait(2)
    desk.tell("short", severity="warning", notify=False)
    desk.tell("day", severity="critical", **DAY)
    assert desk.wait(120) == []
    assert hidden(desk) == [("day", None)]


def test_a_shorter_window_is_not_hidden_by_a_longer_one() -> None:
    desk = Desk()
    desk.tell("day", **DAY)
    desk.wait(2)
    desk.tell("short")
    assert desk.wait(120) == ["firing: day firing, short firing"]


def test_what_still_fires_when_the_cause_has_left_its_window_is_told_and_a_restart_forgets_nothing() -> None:
    desk = Desk()
    desk.tell("short")
    desk.wait(2)
    desk.tell("day", **DAY)
    desk.wait(60)
    desk.tell("short", "resolved")
    desk.wait(2 * 3600)  # long enough for the book to forget the short one
    desk.book.sweep(desk.now_ms)
    assert "short" not in desk.book.alerts
    desk.restart()
    assert hidden(desk) == [("day", None), ("day", 24 * HOUR_MS + 62_000)]
    assert desk.wait(22 * 3600) == []
    assert desk.wait(120) == ["firing: day firing"]


def test_what_gets_graver_after_the_cause_is_over_is_told() -> None:
    desk = Desk()
    desk.tell("short", severity="warning")
    desk.wait(20)
    desk.tell("day", severity="warning", **DAY)
    desk.tell("short", "resolved")
    desk.wait(60)
    desk.tell("day", severity="critical")
    assert desk.wait(60) == ["firing: day firing"]


def rates(threshold: float, **changes: Any) -> dict[str, Any]:
    return {"unit": "ratio", "comparison": ">", "threshold": threshold, **changes}


@pytest.mark.parametrize(
    ("over", "alert_fields", "hours"),
    [
        (rates(0.02), rates(0.05), 24),
        (rates(0.05), rates(0.05), 24),
        (rates(0.50), rates(0.05), 0),  # 10 % may go on
        (rates(0.95, comparison="<"), rates(0.90, comparison="<"), 24),
        (rates(0.90, comparison="<"), rates(0.95, comparison="<"), 0),
        (rates(10, unit="errors"), rates(100, unit="errors"), 0),  # 10 an hour make 240 a day
        (rates(14.4, unit="factor"), rates(6, unit="factor", rule_type="burn_rate"), 2),
        (rates(6, unit="factor"), rates(14.4, unit="factor", rule_type="burn_rate"), 24),
    ],
)
def test_the_echo_is_as_long_as_it_can_only_be_the_past(
    over: dict[str, Any], alert_fields: dict[str, Any], hours: int
) -> None:
    assert echo_ms(alert(**(DAY | alert_fields)), alert(**over)) == hours * HOUR_MS
