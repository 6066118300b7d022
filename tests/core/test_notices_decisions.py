"""What the notifier held back, as records of the decision log: each once, whenever it was restarted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from pipeline.core.notices.decisions import decisions_of, held_in_lane
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.lane import BREAK_MS, Lane, Limits
from pipeline.core.notices.notification import Notification
from pipeline.core.notices.plan import Plan, Route
from pipeline.core.notices.suppression import Why
from schemas.structs import AlertDecision
from tests.contracts.told_records import alert
from tests.core.notice_desk import HOUR_MS, START_MS, Desk

TWO_CHANNELS = Plan(routes=(Route(name="all", channels=("chat", "pager")),))


def message(key: str = "k1", *names: str, group: str = "") -> Delivery:
    alerts = tuple(alert(alert_id=name) for name in names or ("a1",))
    told = Notification(key=key, group=group or key, kind="firing", severity="critical", title=key, alerts=alerts)
    return Delivery(channel="pager", notification=told, made_ms=0)


def in_short(decisions: list[AlertDecision]) -> list[str]:
    return [f"{one.reason} {one.alert_id}/{one.sequence} {one.channel} {one.held_by}" for one in decisions]


def lane_decisions(before: Delivery | None, delivery: Delivery) -> list[AlertDecision]:
    return [record for held in held_in_lane(before, delivery, 7) for record in decisions_of(held)]


# ---- what a record says


def test_a_silence_is_told_for_each_channel_with_its_author_its_end_and_the_alert() -> None:
    desk = Desk(TWO_CHANNELS)
    desk.silence(30, service="checkout")
    desk.tell()
    desk.wait(60)
    chat, pager = desk.decisions()
    assert (chat.channel, pager.channel) == ("chat", "pager")
    assert chat.decision_id != pager.decision_id
    assert (chat.reason, chat.held_by, chat.author) == ("SILENCED_BY", "s1", "ann")
    assert (chat.held_ms, chat.until_ms) == (START_MS, START_MS + HOUR_MS // 2)
    assert (chat.alert_id, chat.sequence, chat.rule, chat.value, chat.notice) == ("a1", 1, "error-rate", 0.07, None)
    assert (chat.state, chat.previous_state) == ("firing", "firing")


def test_what_waits_for_its_group_says_until_when_and_only_once() -> None:
    desk = Desk()
    desk.tell("a1", severity="warning")
    desk.wait(4)
    desk.tell("a2", severity="warning", series="prod/checkout/refund")
    assert desk.wait(6) == ["firing: a1 firing, a2 firing"]
    assert in_short(desk.decisions()) == ["GROUPED a1/1 ops None", "GROUPED a2/1 ops None"]
    assert {one.until_ms for one in desk.decisions()} == {START_MS + 10_000}


def test_an_alert_that_takes_no_route_is_told_to_no_channel() -> None:
    desk = Desk(Plan())
    desk.tell()
    assert in_short(desk.decisions()) == ["UNROUTED a1/1 None None"]


def test_what_is_acknowledged_and_would_be_repeated_says_by_whom() -> None:
    desk = Desk()
    desk.tell()
    desk.wait(5)
    desk.acknowledge("a1", 600)
    desk.wait(9 * 3600)
    (told,) = [one for one in desk.decisions() if one.reason == "ACKNOWLEDGED"]
    assert (told.held_by, told.author, told.held_ms) == ("a1", "ann", START_MS + 1_000 + 4 * HOUR_MS)


def test_of_two_alerts_that_hide_a_third_the_older_is_named() -> None:
    desk = Desk()
    desk.tell("late", severity="critical", started_ms=2)
    desk.tell("a0", severity="critical", started_ms=3, rule="slow")
    desk.tell("mild", severity="warning", rule="drift")
    desk.wait(3)
    (told,) = [one for one in desk.decisions() if one.reason == "INHIBITED_BY"]
    assert told.held_by == "critical-hides-milder: late"


# ---- each once


def silenced(desk: Desk) -> None:
    desk.silence(1, service="checkout")
    desk.tell("a1", severity="warning")


def hidden(desk: Desk) -> None:
    desk.tell("a1", severity="critical")
    desk.tell("a2", severity="warning", rule="drift")


def grouped(desk: Desk) -> None:
    desk.tell("a1", severity="warning")


def over_unheard(desk: Desk) -> None:
    desk.silence(60, service="checkout")
    desk.tell("a1")
    desk.wait(3)
    desk.tell("a1", "resolved")


def lived(story: Callable[[Desk], None], *, restarts: bool) -> list[AlertDecision]:
    """Return the records of a story and the two minutes after it, with a restart each second or without any."""
    desk = Desk()
    story(desk)
    for _ in range(120):
        if restarts:
            desk.restart()
        desk.wait(1)
    return desk.decisions()


@pytest.mark.parametrize("story", [silenced, hidden, grouped, over_unheard])
def test_a_notifier_that_is_restarted_each_second_writes_the_same_records(story: Callable[[Desk], None]) -> None:
    steady = lived(story, restarts=False)
    assert steady
    assert lived(story, restarts=True) == steady
    assert max(Counter(one.decision_id for one in steady).values()) == 1


def test_when_an_alert_gets_graver_under_a_silence_that_is_another_decision() -> None:
    desk = Desk()
    desk.silence(30, service="checkout")
    desk.tell("a1", severity="warning")
    desk.wait(3)
    desk.tell("a1", severity="critical")
    desk.wait(3)
    assert in_short(desk.decisions()) == ["SILENCED_BY a1/1 ops s1", "SILENCED_BY a1/2 ops s1"]


# ---- a channel


def test_a_channel_that_is_left_alone_is_noted_once_for_each_message() -> None:
    lane = Lane(Limits())
    lane.offer(message("k1"))
    for number in range(5):
        delivery = lane.next(number * 100_000)
        assert delivery is not None
        lane.failed(delivery, number * 100_000, "503", 0.5)
    assert lane.newly_kept(400_001) == []  # it would wait for its next attempt anyway
    lane.offer(message("k2"))
    (kept,) = lane.newly_kept(400_001)
    assert kept.held == (Why.CIRCUIT_OPEN,)
    assert [one.key for one in lane.newly_kept(400_000 + BREAK_MS - 1)] == ["k1"]
    assert lane.newly_kept(400_000 + BREAK_MS - 1) == []
    assert in_short(lane_decisions(message("k2"), kept)) == ["CIRCUIT_OPEN a1/1 pager None"]


def test_a_channel_that_has_had_enough_messages_is_noted_once() -> None:
    lane = Lane(Limits(per_minute=1))
    for key in ("k1", "k2"):
        lane.offer(message(key))
    first = lane.next(0)
    assert first is not None
    assert lane.newly_kept(0) == []
    lane.delivered(first, 0, None)
    assert lane.next(1) is None
    (kept,) = lane.newly_kept(1)
    assert (kept.key, kept.held) == ("k2", (Why.RATE_LIMITED,))
    assert lane.next(2) is None
    assert lane.newly_kept(2) == []
    assert in_short(lane_decisions(message("k2"), kept)) == ["RATE_LIMITED a1/1 pager None"]


def test_what_was_noted_is_not_noted_again_and_what_was_given_up_says_what_the_channel_answered() -> None:
    kept = message("k1", "a1", "a2").kept_back(Why.CIRCUIT_OPEN)
    assert lane_decisions(kept, kept.failed("503")) == []
    given_up = lane_decisions(kept, kept.failed("503").undelivered(9))
    assert in_short(given_up) == ["UNDELIVERED a1/1 pager k1", "UNDELIVERED a2/1 pager k1"]
    assert [one.answer for one in given_up] == ["1 attempt: 503"] * 2
    assert lane_decisions(kept.failed("503").undelivered(9), kept.failed("503").undelivered(9)) == []


def test_what_is_sent_again_by_hand_may_be_held_back_again() -> None:
    again = message("k1").kept_back(Why.RATE_LIMITED).undelivered(9, "503").again(10)
    assert again.held == ()
    assert in_short(lane_decisions(again, again.kept_back(Why.RATE_LIMITED))) == ["RATE_LIMITED a1/1 pager None"]
