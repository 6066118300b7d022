"""What keeps people from being told, and what does not: the notifier's core on a timeline."""

from __future__ import annotations

from pipeline.core.notices.maintenance import MaintenanceWindow
from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.plan import Inhibition, Plan
from pipeline.core.notices.suppression import Why
from tests.core.notice_desk import HOUR_MS, MINUTE_MS, ONE_ROUTE, START_MS, Desk


def test_a_critical_alert_hides_milder_ones_on_its_series_until_it_ends() -> None:
    desk = Desk()
    desk.tell("a1", severity="critical")
    desk.tell("a2", severity="warning", rule="response-time")
    desk.tell("a3", severity="warning", series="prod/checkout/refund")
    assert desk.wait(20) == ["firing: a1 firing, a3 firing"]
    assert [(one.alert.alert_id, one.mute.by) for one in desk.held_back if one.mute.why is Why.INHIBITED_BY] == [
        ("a2", "critical-hides-milder: a1")
    ]
    desk.tell("a1", "resolved")
    assert desk.wait(60) == ["firing: a2 firing, a3 firing, a1 resolved"]


def test_an_alert_that_people_are_not_told_of_hides_nothing() -> None:
    desk = Desk()
    desk.tell("a1", severity="critical", notify=False, notify_reason="SUPPRESS_COOLDOWN")
    desk.tell("a2", severity="warning", rule="response-time")
    assert desk.wait(10) == ["firing: a2 firing"]


def test_an_inhibition_of_ones_own_has_its_own_equals() -> None:
    down = Inhibition(name="down", when=(Matcher("rule", ("system-down",)),), hides=(), equal=("environment",))
    desk = Desk(Plan(routes=ONE_ROUTE.routes, inhibitions=(down,)))
    desk.tell("a1", rule="system-down", service="db")
    desk.tell("a2", service="checkout")
    desk.tell("a3", service="checkout", environment="test", series="test/checkout/pay")
    assert desk.wait(60) == ["firing: a1 firing", "firing: a3 firing"]


def test_a_silence_has_an_end_after_which_what_still_fires_is_told() -> None:
    desk = Desk()
    desk.silence(30, service="check*")
    desk.tell()
    assert desk.wait(30 * 60 - 1) == []
    assert [(one.mute.why, one.mute.by) for one in desk.held_back] == [(Why.SILENCED_BY, "s1")]
    assert desk.wait(2) == ["firing: a1 firing"]


def test_what_begins_and_ends_under_a_silence_is_never_told() -> None:
    desk = Desk()
    desk.silence(30, service="checkout")
    desk.tell()
    desk.wait(60)
    desk.tell(state="resolved")
    assert desk.wait(3600) == []
    assert [(one.mute.why, one.mute.by) for one in desk.held_back][-1] == (Why.OVER_BEFORE_TOLD, "s1")


def test_who_was_told_of_an_alert_is_told_of_its_end_although_it_is_silenced_now() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    desk.silence(600, service="checkout")
    assert desk.wait(5 * 3600) == []
    desk.tell(state="resolved")
    assert desk.wait(1) == ["resolved: a1 resolved"]


def test_a_silence_for_one_team_leaves_the_others_alone() -> None:
    desk = Desk()
    desk.silence(30, team="payments")
    desk.tell("a1", labels={"team": "payments"})
    desk.tell("a2", series="prod/checkout/refund", labels={"team": "search"})
    assert desk.wait(60) == ["firing: a2 firing"]


def test_a_maintenance_window_comes_again_every_week_in_its_own_zone() -> None:
    # START_MS is Saturday, 22 November 2025, 06:00 UTC: 07:00 in Berlin.
    window = MaintenanceWindow(name="backup", from_minute=7 * 60, to_minute=8 * 60, zone="Europe/Berlin", days=(5,))
    desk = Desk(Plan(routes=ONE_ROUTE.routes, windows=(window,)))
    desk.tell()
    assert desk.wait(3599) == []
    assert [(one.mute.why, one.mute.by) for one in desk.held_back] == [(Why.MAINTENANCE, "backup")]
    assert desk.wait(2) == ["firing: a1 firing"]
    week_ms = 7 * 24 * HOUR_MS
    assert window.holds(START_MS + week_ms)
    assert not window.holds(START_MS + 24 * HOUR_MS)
    summer_ms = START_MS + 26 * week_ms
    assert window.holds(summer_ms - HOUR_MS)
    assert not window.holds(summer_ms)


def test_a_maintenance_window_may_go_on_after_midnight() -> None:
    window = MaintenanceWindow(name="night", from_minute=23 * 60, to_minute=60, zone="UTC", days=(5,))
    midnight_ms = START_MS + 18 * HOUR_MS
    assert not window.holds(midnight_ms - 2 * HOUR_MS)
    assert window.holds(midnight_ms - HOUR_MS)
    assert window.holds(midnight_ms + 59 * MINUTE_MS)
    assert not window.holds(midnight_ms + HOUR_MS)
    assert not window.holds(midnight_ms - 24 * HOUR_MS + MINUTE_MS)


def test_replayed_history_pages_nobody() -> None:
    desk = Desk()
    desk.tell("a1", age_ms=HOUR_MS + 1)
    desk.tell("a2", lag_ms=25 * HOUR_MS)
    assert desk.wait(3600) == []
    assert desk.whys() == [Why.SUPPRESSED_OLD, Why.SUPPRESSED_OLD]
    desk.tell("a1", "resolved")
    assert desk.wait(3600) == []


def test_what_was_decided_in_time_and_still_fires_is_told_though_the_notifier_was_away() -> None:
    desk = Desk()
    desk.tell("a1", lag_ms=3 * HOUR_MS)
    assert desk.wait(1) == ["firing: a1 firing"]
