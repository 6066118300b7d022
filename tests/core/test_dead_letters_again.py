"""What is pure about `pipeline dead`: names, filters, services, hints, and what is sent again."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pipeline.dead.hints import HINTS, hint_for
from pipeline.dead.identity import LetterId, id_of, parse_id
from pipeline.dead.letters import service_of
from pipeline.dead.sending import refused_again, sending
from pipeline.dead.wanted import Wanted
from pipeline.decode.replay import ATTEMPT, REPLAY_OF
from pipeline.errors import FatalError
from pipeline.topics import Topics
from schemas.reasons import Reason
from schemas.structs import DeadHeader, DeadLetter

VALUE = b'{"type": "operation", "service": "checkout"}'


def letter(**changes: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "topic": "events.operations",
        "partition": 3,
        "offset": 17,
        "epoch": 1,
        "append_time_ms": 1_000,
        "reason": "missing_field",
        "detail": "duration_ms is missing",
        "value_base64": base64.b64encode(VALUE).decode(),
        "value_bytes": len(VALUE),
        **changes,
    }
    return DeadLetter(**fields)


@pytest.mark.parametrize("text", ["events.operations/3/17", "shop.events.errors/0/0/4", "t/1/2@7", "t/1/2/3@7"])
def test_a_name_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_id(text)) == text


@pytest.mark.parametrize("text", ["", "t/1", "t/1/x", "t/1/2/3/4", "t/-1/2", "t/1/2@"])
def test_what_is_no_name_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(FatalError, match="TOPIC/PARTITION/OFFSET"):
        parse_id(text)


def test_the_first_epoch_is_not_said() -> None:
    assert str(id_of(letter())) == "events.operations/3/17"
    assert str(id_of(letter(epoch=2, index=0))) == "events.operations/3/17/0@2"


@pytest.mark.parametrize(
    ("value", "service"),
    [
        (VALUE, "checkout"),
        (b'[{"service": "a"}, {"service": "b"}]', "a"),
        (b'{"metadata": {"service": "inner"}, "service": "outer"}', "outer"),
        (b'{"service": "caf\\u00e9", no JSON', "café"),
        (b'{"service": 5}', None),
        (b"\xff", None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_a_service_is_found_where_it_can_be_read(value: bytes, service: str | None) -> None:
    assert service_of(value) == service


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(reasons=frozenset({"missing_field", "landing"})), True),
        (Wanted(reasons=frozenset({"landing"})), False),
        (Wanted(topics=frozenset({"events.errors"})), False),
        (Wanted(since_ms=1_000, until_ms=1_001), True),
        (Wanted(since_ms=1_001), False),
        (Wanted(until_ms=1_000), False),
        (Wanted(service="checkout"), True),
        (Wanted(service="check"), False),
        (Wanted(contains=b'"checkout"'), True),
        (Wanted(contains=b"is missing"), True),
        (Wanted(contains=b"absent"), False),
        (Wanted(ids=frozenset({LetterId(1, "events.operations", 3, 17, None)})), True),
        (Wanted(ids=frozenset({LetterId(2, "events.operations", 3, 17, None)})), False),
    ],
)
def test_a_filter_takes_what_fits_all_of_it(wanted: Wanted, fits: bool) -> None:  # noqa: FBT001 - a parameter
    assert wanted.fits(letter()) is fits


def test_what_is_sent_again_says_what_it_is_and_goes_where_it_came_from() -> None:
    headers = [
        DeadHeader(name="sdk", value_base64="Nw=="),
        DeadHeader(name=REPLAY_OF, value_base64="eA=="),
        DeadHeader(name=ATTEMPT, value_base64="Mg=="),
    ]
    record = sending(letter(attempt=2, key_base64="aw==", headers=headers), b"mended")
    assert (record.topic, record.partition, record.key, record.value) == ("events.operations", 3, b"k", b"mended")
    assert record.headers == [("sdk", b"7"), (REPLAY_OF, b"events.operations/3/17"), (ATTEMPT, b"3")]


@pytest.mark.parametrize(
    ("index", "told", "expected"),
    [(None, b"p/b/70/5", b"p/b/70/5"), (4, b"p/b/70/5", b"p/b/74"), (4, b"nonsense", b"nonsense")],
)
def test_an_element_of_an_array_keeps_the_number_that_its_producer_gave_it(
    index: int | None, told: bytes, expected: bytes
) -> None:
    header = DeadHeader(name="pipeline-ledger", value_base64=base64.b64encode(told).decode())
    assert sending(letter(index=index, headers=[header]), b"x").headers[0] == ("pipeline-ledger", expected)


def test_it_is_known_beforehand_what_would_be_refused_again() -> None:
    whole = VALUE[:-1] + b', "event_id": "e", "timestamp_ms": 1763791200000, "operation": "o", "duration_ms": 1, '
    assert refused_again(Topics(), "events.operations", whole + b'"success": true}') is None
    assert "missing" in str(refused_again(Topics(), "events.operations", VALUE))
    assert "no topic of events" in str(refused_again(Topics(), "panes", VALUE))


def test_there_is_something_to_do_about_every_reason() -> None:
    assert set(HINTS) == set(Reason)
    assert "later release" in hint_for("of_next_year")
