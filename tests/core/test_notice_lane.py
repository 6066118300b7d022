"""One channel's deliveries: order, retries, the breaker, the rate, and giving up; on a timeline."""

from __future__ import annotations

from typing import Any

from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.lane import BREAK_MS, Lane, Limits
from pipeline.core.notices.notification import Notification

HOUR_MS = 3_600_000


def delivery(key: str, *, group: str = "g1", severity: Any = "warning", made_ms: int = 0) -> Delivery:
    told = Notification(key=key, group=group, kind="firing", severity=severity, title=key)
    return Delivery(channel="ops", notification=told, made_ms=made_ms)


def lane(*keys: str, **limits: int) -> Lane:
    found = Lane(Limits(**limits))
    for number, key in enumerate(keys):
        assert found.offer(delivery(key, group=key, made_ms=number))
    return found


def tried(waiting: Lane, now_ms: int) -> str:
    found = waiting.next(now_ms)
    return found.key if found else ""


def fail(waiting: Lane, now_ms: int, **more: Any) -> Delivery:
    found = waiting.next(now_ms)
    assert found is not None
    return waiting.failed(found, now_ms, "503", 0.999, **more)


def test_messages_of_a_group_keep_their_order_even_when_the_first_fails() -> None:
    waiting = Lane(Limits())
    waiting.offer(delivery("first", made_ms=1))
    waiting.offer(delivery("second", made_ms=2, severity="critical"))
    fail(waiting, 2)
    assert tried(waiting, 2) == ""
    assert tried(waiting, 1_002) == "first"


def test_the_gravest_goes_first_and_what_fails_lets_others_pass() -> None:
    waiting = lane("old")
    waiting.offer(delivery("grave", group="g2", severity="critical", made_ms=5))
    assert fail(waiting, 5).key == "grave"
    assert tried(waiting, 5) == "old"


def test_retries_wait_twice_as_long_each_time_up_to_a_minute() -> None:
    waiting = lane("a", attempts=100, give_up_ms=10 * HOUR_MS)
    for now_ms, next_ms in ((0, 999), (1_000, 2_998), (3_000, 6_997), (7_000, 14_995)):
        fail(waiting, now_ms)
        assert tried(waiting, next_ms - 1) == ""
        assert tried(waiting, next_ms + 5) == "a"


def test_a_receiver_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    waiting = lane("a", "b")
    fail(waiting, 0, retry_after_ms=45_000)
    assert tried(waiting, 44_999) == ""
    assert tried(waiting, 45_000) == "a"


def test_after_five_failures_in_a_row_the_breaker_opens_and_closes_with_a_success() -> None:
    waiting = lane("a", "b", "c", "d", "e", "f")
    for _ in range(5):
        fail(waiting, 10)
    assert tried(waiting, 10 + BREAK_MS - 1) == ""
    again = fail(waiting, 10 + BREAK_MS)
    assert again.attempts == 2
    assert tried(waiting, 10 + 3 * BREAK_MS - 1) == ""
    found = waiting.next(10 + 3 * BREAK_MS)
    assert found is not None
    assert waiting.delivered(found, 10 + 3 * BREAK_MS, "ref").reference == "ref"
    assert tried(waiting, 10 + 3 * BREAK_MS) != ""


def test_after_so_many_attempts_it_is_undelivered_and_says_why() -> None:
    waiting = lane("a", attempts=3)
    assert fail(waiting, 0).state == "waiting"
    assert fail(waiting, 10_000).state == "waiting"
    last = fail(waiting, 20_000)
    assert (last.state, last.attempts, last.answer, last.ended_ms) == ("undelivered", 3, "503", 20_000)
    assert len(waiting) == 0


def test_what_a_receiver_will_never_take_is_undelivered_at_once_and_breaks_nothing() -> None:
    waiting = lane("a", "b")
    found = waiting.next(1)
    assert found is not None
    assert waiting.refused(found, 1, "404").state == "undelivered"
    assert waiting.failures == 0
    assert tried(waiting, 1) == "b"


def test_what_nobody_took_for_an_hour_is_given_up() -> None:
    waiting = lane("a", "b")
    fail(waiting, 0)
    assert waiting.given_up(HOUR_MS) == []
    old = waiting.given_up(HOUR_MS + 2)
    assert [(one.key, one.state, one.answer) for one in old] == [
        ("a", "undelivered", "not taken for 60 min; 503"),
        ("b", "undelivered", "not taken for 60 min"),
    ]


def test_what_is_asked_for_again_is_tried_though_it_is_old() -> None:
    waiting = Lane(Limits())
    waiting.offer(delivery("a").undelivered(5, "503").again(5 * HOUR_MS))
    assert waiting.given_up(5 * HOUR_MS + 1) == []
    assert tried(waiting, 5 * HOUR_MS + 1) == "a"


def test_no_more_messages_a_minute_than_the_channel_allows() -> None:
    waiting = lane("a", "b", "c", per_minute=2)
    for _ in range(2):
        found = waiting.next(0)
        assert found is not None
        waiting.delivered(found, 0, None)
    assert tried(waiting, 0) == ""
    assert waiting.limited
    assert tried(waiting, 29_999) == ""
    assert tried(waiting, 30_000) == "c"


def test_a_lane_that_is_full_takes_nothing_more() -> None:
    waiting = lane("a", "b", room=2)
    assert not waiting.offer(delivery("c"))
    assert waiting.offer(delivery("b"))
