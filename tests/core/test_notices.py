"""Who is told of what, and when: the notifier's core on a timeline."""

from __future__ import annotations

from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.plan import Plan, Route
from pipeline.core.notices.suppression import Why
from tests.core.notice_desk import HOUR_MS, MINUTE_MS, Desk

CRITICAL = (Matcher("severity", ("critical",)),)


def test_a_critical_alert_is_told_a_second_after_it_came_and_its_end_once() -> None:
    desk = Desk()
    desk.tell()
    assert desk.wait(1) == ["firing: a1 firing"]
    assert desk.wait(120) == []
    desk.tell(state="resolved")
    assert desk.wait(1) == ["resolved: a1 resolved"]
    assert desk.wait(600) == []
    assert desk.book.groups == {}


def test_a_warning_waits_ten_seconds_for_others_of_its_group() -> None:
    desk = Desk()
    desk.tell("a1", severity="warning")
    assert desk.wait(5) == []
    desk.tell("a2", severity="warning", rule="response-time")
    assert desk.wait(5) == ["firing: a1 firing, a2 firing"]
    assert Why.GROUPED in desk.whys()


def test_what_comes_to_a_group_that_was_told_waits_for_the_interval_unless_it_is_critical() -> None:
    desk = Desk()
    desk.tell("a1")
    desk.wait(1)
    desk.tell("a2", severity="warning", series="prod/checkout/refund")
    assert desk.wait(59) == []
    assert desk.wait(1) == ["firing: a1 firing, a2 firing"]
    desk.tell("a3", series="prod/checkout/cart")
    assert desk.wait(1) == ["firing: a1 firing, a3 firing, a2 firing"]


def test_groups_are_by_environment_and_service() -> None:
    desk = Desk()
    desk.tell("a1", service="checkout")
    desk.tell("a2", service="cart")
    assert desk.wait(1) == ["firing: a1 firing", "firing: a2 firing"]
    first, second = (one.notification.group for one in desk.sent)
    assert first != second


def test_one_group_for_everything_where_a_route_says_so() -> None:
    desk = Desk(Plan(routes=(Route(name="all", channels=("ops",), group_by=()),)))
    desk.tell("a1", service="checkout")
    desk.tell("a2", service="cart")
    assert desk.wait(1) == ["firing: a1 firing, a2 firing"]


def test_the_same_transition_again_changes_nothing() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    desk._sequences["a1"] = 0
    desk.tell()
    assert desk.wait(600) == []


def test_what_still_fires_is_repeated_every_four_hours() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    assert desk.wait(4 * 3600 - 1) == []
    assert desk.wait(1) == ["repeat: a1 firing"]
    assert desk.wait(4 * 3600) == ["repeat: a1 firing"]
    assert len({one.key for one in desk.sent}) == 3


def test_an_acknowledged_alert_is_not_repeated_until_the_acknowledgement_ends() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    desk.acknowledge("a1", minutes=300)
    assert desk.wait(5 * 3600 - 2) == ["acknowledged: a1 firing"]
    assert desk.whys().count(Why.ACKNOWLEDGED) == 1
    assert desk.wait(5) == ["repeat: a1 firing"]


def test_an_acknowledged_group_is_not_repeated_but_what_is_new_in_it_is_told() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    desk.acknowledge(desk.sent[0].notification.group, minutes=600)
    assert desk.wait(5 * 3600) == ["acknowledged: a1 firing"]
    desk.tell("a2", series="prod/checkout/refund")
    assert desk.wait(1) == ["firing: a1 firing, a2 firing"]


def test_an_escalation_is_told_at_once_and_what_gets_better_is_not() -> None:
    desk = Desk()
    desk.tell(severity="warning")
    desk.wait(10)
    desk.tell(severity="critical", notify_reason="NOTIFY_ESCALATED")
    assert desk.wait(1) == ["firing: a1 firing"]
    desk.tell(severity="warning", notify=False, notify_reason="SUPPRESS_DE_ESCALATED")
    assert desk.wait(600) == []


def test_a_transition_that_people_are_not_to_be_told_of_is_followed_only() -> None:
    desk = Desk()
    desk.tell(notify=False, notify_reason="SUPPRESS_COOLDOWN")
    assert desk.wait(600) == []
    desk.tell(notify=True, notify_reason="NOTIFY_COOLDOWN_OVER")
    assert desk.wait(1) == ["firing: a1 firing"]
    desk.tell(state="recovering", notify=False)
    assert desk.wait(600) == []


def test_an_alert_that_ends_before_anybody_was_told_is_never_told() -> None:
    desk = Desk()
    desk.tell(severity="warning")
    desk.wait(5)
    desk.tell(state="resolved")
    assert desk.wait(600) == []
    assert Why.OVER_BEFORE_TOLD in desk.whys()
    assert desk.book.groups == {}


def test_who_was_told_of_an_alert_is_told_of_its_end_even_where_the_rule_would_not() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    desk.tell(state="resolved", notify=False, notify_reason="SUPPRESS_NEVER_TOLD")
    assert desk.wait(60) == ["resolved: a1 resolved"]


def test_the_first_route_that_fits_is_taken_and_the_next_where_it_goes_on() -> None:
    pages = Route(name="pages", channels=("pager",), matchers=CRITICAL, goes_on=True)
    rest = Route(name="rest", channels=("chat", "mail"))
    never = Route(name="never", channels=("nobody",))
    desk = Desk(Plan(routes=(pages, rest, never)))
    desk.tell("a1")
    desk.tell("a2", severity="warning", service="cart")
    desk.wait(10)
    told = sorted((one.channel, one.notification.alerts[0].alert_id) for one in desk.sent)
    assert told == [("chat", "a1"), ("chat", "a2"), ("mail", "a1"), ("mail", "a2"), ("pager", "a1")]


def test_an_alert_that_gets_graver_reaches_the_route_of_its_new_severity_and_both_hear_of_its_end() -> None:
    pages = Route(name="pages", channels=("pager",), matchers=CRITICAL)
    desk = Desk(Plan(routes=(pages, Route(name="rest", channels=("chat",)))))
    desk.tell(severity="warning")
    desk.wait(10)
    desk.tell(severity="critical")
    desk.wait(1)
    assert [one.channel for one in desk.sent] == ["chat", "pager"]
    desk.tell(state="resolved")
    desk.wait(60)
    assert {one.channel for one in desk.sent[2:] if one.notification.kind == "resolved"} == {"chat", "pager"}


def test_an_alert_that_no_route_fits_is_said_to_be_unrouted() -> None:
    desk = Desk(Plan(routes=(Route(name="pages", channels=("pager",), matchers=CRITICAL),)))
    desk.tell(severity="warning")
    assert desk.wait(60) == []
    assert desk.whys() == [Why.UNROUTED]


def test_a_new_incident_of_a_group_has_a_new_id() -> None:
    desk = Desk()
    for alert_id in ("a1", "a2"):
        desk.tell(alert_id)
        desk.wait(60)
        desk.tell(alert_id, "resolved")
        desk.wait(60)
    groups = [one.notification.group for one in desk.sent]
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert groups[0] != groups[2]


def test_a_restart_in_the_middle_tells_nothing_twice_and_forgets_nothing() -> None:
    desk = Desk()
    desk.tell()
    desk.restart()
    assert desk.wait(1) == ["firing: a1 firing"]
    desk.restart()
    assert desk.wait(600) == []
    desk.tell(state="resolved")
    desk.restart()
    assert desk.wait(60) == ["resolved: a1 resolved"]


def test_a_route_that_is_gone_still_tells_of_the_end_and_the_rest_takes_the_new_way() -> None:
    desk = Desk()
    desk.tell("a1")
    desk.wait(1)
    desk.tell("a2", severity="warning", series="prod/checkout/refund")
    desk.restart(Plan(routes=(Route(name="new", channels=("chat",)),)))
    assert desk.wait(10) == ["firing: a2 firing"]
    desk.tell("a1", "resolved")
    assert desk.wait(60) == ["resolved: a1 resolved"]
    assert [one.channel for one in desk.sent] == ["ops", "chat", "ops"]


def test_a_long_list_is_cut_and_says_by_how_many() -> None:
    desk = Desk()
    for number in range(30):
        desk.tell(f"a{number:02}", series=f"prod/checkout/{number}")
    desk.wait(1)
    told = desk.sent[0].notification
    assert (len(told.alerts), told.omitted) == (20, 10)
    assert told.title == "prod/checkout: 30 firing (error-rate)"


def test_what_is_over_is_forgotten_after_an_hour_and_what_was_sent_after_a_week() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    desk.book.put(desk.sent[0].delivered(desk.now_ms, "ref"))
    desk.tell(state="resolved")
    desk.wait(60)
    desk.book.sweep(desk.now_ms + 59 * MINUTE_MS)
    assert len(desk.book.alerts) == 1
    desk.book.sweep(desk.now_ms + 2 * HOUR_MS)
    assert desk.book.alerts == {}
    assert len(desk.book.deliveries) == 2
    desk.book.sweep(desk.now_ms + 8 * 24 * HOUR_MS)
    assert [one.state for one in desk.book.deliveries.values()] == ["waiting"]


def test_that_a_group_is_looked_after_is_told_again_when_what_was_new_in_it_is_over_and_under_another_key() -> None:
    desk = Desk()
    desk.tell("a1")
    desk.wait(1)
    desk.acknowledge("a1", minutes=600)
    assert desk.wait(60) == ["acknowledged: a1 firing"]
    desk.tell("a2", series="prod/checkout/refund")
    assert desk.wait(60) == ["firing: a1 firing, a2 firing"]
    desk.tell("a2", "resolved")
    assert desk.wait(60) == ["firing: a1 firing, a2 resolved", "acknowledged: a1 firing"]
    assert len({one.key for one in desk.sent}) == len(desk.sent)
