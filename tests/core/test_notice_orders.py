"""Silences and acknowledgements: they always end, and say who did what."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from pipeline.core.notices import ordering
from pipeline.core.notices.book import Book
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.matching import Matcher, fits, shown
from pipeline.core.notices.notification import Kind, Notification
from pipeline.core.notices.orders import (
    KEPT_MS,
    Orders,
    Resend,
    Silence,
    decode_order,
    encode_order,
    is_order,
    order_key,
)
from tests.contracts.told_records import alert

NOW_MS = 1_763_791_200_000
HOUR_MS = 3_600_000
CHECKOUT = (Matcher("service", ("checkout",)),)


def silence(starts_ms: int = NOW_MS, ends_ms: int = NOW_MS + HOUR_MS) -> Silence:
    return ordering.silence("s1", CHECKOUT, (starts_ms, ends_ms), author="ann", comment="why", now_ms=NOW_MS)


def test_a_silence_says_who_made_it_and_who_ended_it() -> None:
    ended = ordering.ended(silence(), by="bob", now_ms=NOW_MS + 1)
    notes = [(one.by, one.action, one.at_ms, one.before, one.after) for one in ended.audit]
    whole = (NOW_MS, NOW_MS + HOUR_MS)
    assert notes == [
        ("ann", "added", NOW_MS, None, whole),
        ("bob", "ended", NOW_MS + 1, whole, (NOW_MS, NOW_MS + 1)),
    ]
    assert not ended.holds(NOW_MS + 1)


def test_a_silence_holds_from_its_start_to_just_before_its_end() -> None:
    later = silence(NOW_MS + 10, NOW_MS + 20)
    assert [later.holds(NOW_MS + at) for at in (9, 10, 19, 20)] == [False, True, True, False]


def test_a_silence_that_is_ended_before_it_begins_never_holds() -> None:
    ended = ordering.ended(silence(NOW_MS + 10, NOW_MS + 20), by="ann", now_ms=NOW_MS + 5)
    assert not any(ended.holds(NOW_MS + at) for at in range(30))


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ((NOW_MS, NOW_MS), "end before it begins"),
        ((NOW_MS - HOUR_MS, NOW_MS - 1), "has ended already"),
        ((NOW_MS, NOW_MS + ordering.LONGEST_MS + 1), "longer than a year"),
    ],
)
def test_there_is_no_silence_without_an_end_that_makes_sense(span: tuple[int, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        silence(*span)


def test_what_has_ended_can_not_be_ended_again() -> None:
    with pytest.raises(ValueError, match="it has ended already"):
        ordering.ended(silence(), by="bob", now_ms=NOW_MS + HOUR_MS)


def test_an_acknowledgement_that_is_given_again_keeps_its_history() -> None:
    first = ordering.acknowledgement("a1", (NOW_MS, NOW_MS + 10), author="ann", comment="", now_ms=NOW_MS)
    again = ordering.acknowledgement(
        "a1", (NOW_MS, NOW_MS + 99), author="bob", comment="", now_ms=NOW_MS + 5, before=first
    )
    assert [(one.by, one.action, one.before) for one in again.audit] == [
        ("ann", "added", None),
        ("bob", "changed", (NOW_MS, NOW_MS + 10)),
    ]
    assert again.author == "bob"


def test_every_order_comes_back_from_its_record() -> None:
    acknowledged = ordering.acknowledgement("a1", (NOW_MS, NOW_MS + 10), author="ann", comment="", now_ms=NOW_MS)
    resend = Resend(key="k1", author="ann", requested_ms=NOW_MS)
    orders = Orders()
    for order in (silence(), acknowledged, resend):
        key = order_key(order)
        assert is_order(key)
        orders.put(key, decode_order(encode_order(order)))
    assert (orders.silences["s1"], orders.acknowledgements["a1"], orders.resends["k1"]) == (
        silence(),
        acknowledged,
        resend,
    )
    for key in ("silence/s1", "ack/a1", "resend/k1"):
        orders.put(key, None)
    assert (orders.silences, orders.acknowledgements, orders.resends) == ({}, {}, {})


def test_what_others_keep_on_control_is_no_order() -> None:
    assert not is_order("epochs")
    with pytest.raises(msgspec.DecodeError):
        decode_order(b'{"type": "epochs1"}')


def test_an_order_is_kept_for_a_month_after_it_ended() -> None:
    orders = Orders()
    orders.put("silence/s1", silence())
    orders.put("resend/k1", Resend(key="k1", author="ann", requested_ms=NOW_MS + HOUR_MS))
    assert orders.outdated(NOW_MS + HOUR_MS + KEPT_MS) == []
    assert orders.outdated(NOW_MS + HOUR_MS + KEPT_MS + 1) == ["silence/s1", "resend/k1"]


def given_up(key: str, made_ms: int, *, channel: str = "ops") -> Delivery:
    told = Notification(key=key, group="g1", kind="firing", severity="critical", title=key)
    return Delivery(channel=channel, notification=told, made_ms=made_ms).undelivered(made_ms + 1, "503")


def test_what_is_undelivered_is_sent_again_once_for_each_request() -> None:
    book = Book()
    book.put(given_up("k1", 1))
    book.send_again("k1", 10)
    assert book.waiting() == [given_up("k1", 1).again(10)]
    book.put(book.deliveries["k1"].undelivered(20, "503"))
    book.send_again("k1", 10)
    book.send_again("nothing", 10)
    assert book.waiting() == []
    book.send_again("k1", 21)
    assert [one.key for one in book.waiting()] == ["k1"]


@pytest.mark.parametrize(
    ("kind", "channel", "sent"),
    [("resolved", "ops", []), ("acknowledged", "ops", ["k1"]), ("resolved", "other", ["k1"])],
)
def test_what_a_later_message_of_its_group_has_overtaken_is_not_sent_again(
    kind: Kind, channel: str, sent: list[str]
) -> None:
    """It would reopen an incident that is over, or write into a chat that what is over fires."""
    book = Book()
    book.put(given_up("k1", 1))
    later = given_up("k2", 2, channel=channel)
    book.put(msgspec.structs.replace(later, notification=replace(later.notification, kind=kind)).delivered(3, None))
    book.send_again("k1", 10)
    assert [one.key for one in book.waiting()] == sent
    assert ("a later message of its group" in book.deliveries["k1"].answer) == (not sent)


def test_matchers_look_at_fields_then_labels_then_dimensions() -> None:
    told = alert(labels={"team": "payments", "service": "label"}, dimensions={"region": "eu"})
    for name, glob in (("service", "check*"), ("team", "pay*"), ("region", "eu"), ("nothing", ""), ("severity", "*")):
        assert fits((Matcher(name, ("x", glob)),), told), name
    assert not fits((Matcher("service", ("label",)),), told)
    assert not fits((*CHECKOUT, Matcher("team", ("search",))), told)
    assert shown((*CHECKOUT, Matcher("team", ("a", "b")))) == "service=checkout team=a|b"
