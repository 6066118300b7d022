"""The loss ledger's header: read fast, written the same, and rubbish in it does no harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode.ledger_header import (
    EVENTS_GREATEST,
    HEADER,
    SEQUENCE_BEYOND,
    Headers,
    Numbering,
    Place,
    id_of,
    parse,
    place_of_letter,
    places_of,
)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b"checkout@pod-3/8f2c/0", Place("checkout@pod-3", "8f2c", 0, 1)),
        (b"checkout@pod-3/8f2c/17/5", Place("checkout@pod-3", "8f2c", 17, 5)),
        (b"a/b/007", Place("a", "b", 7, 1)),
        (b"a/b/9007199254740991", Place("a", "b", SEQUENCE_BEYOND - 1, 1)),
        (b"a/b/0/65536", Place("a", "b", 0, EVENTS_GREATEST)),
    ],
)
def test_a_header_says_who_sent_which_event(value: bytes, place: Place) -> None:
    assert parse(value) == place


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            b"",
            b"/",
            b"a/b",
            b"a/b/",
            b"a/b/1/",
            b"a/b/1/2/3",
            b"/b/1",
            b"a//1",
            b"a/b/-1",
            b"a/b/+1",
            b"a/b/1.0",
        ),
        *(
            b"a/b/1_0",
            b"a/b/ 1",
            b"a/b/1\n",
            b"a/b/0x1",
            b"a/b/1/0",
            b"a/b/1/-1",
            b"a/b/1/65537",
            b"a/b/9007199254740992",
        ),
        *("ä/b/1".encode(), b"\xff/b/1", b"a b/c/1", b"a/b\x00/1", "a/b/\u0661".encode(), b"a" * 201 + b"/b/1"),
        b"a/b/" + b"9" * 5_000,
    ],
)
def test_what_keeps_not_to_the_form_says_nothing(value: bytes | None) -> None:
    assert parse(value) is None


@given(st.binary(max_size=300) | st.from_regex(rb"[a-c]{0,2}/[\x00-\xff]{0,2}/[0-9+\-_ ]{0,20}(/[0-9 -]{0,7})?"))
def test_no_bytes_raise_and_what_is_read_is_within_bounds(value: bytes) -> None:
    place = parse(value)
    if place is not None:
        assert 0 <= place.sequence < SEQUENCE_BEYOND
        assert 1 <= place.events <= EVENTS_GREATEST
        assert f"{place.producer_id}/{place.boot_id}".encode() == value.rsplit(b"/", value.count(b"/") - 1)[0]


@given(st.text(max_size=300), st.text(max_size=300), st.lists(st.integers(1, EVENTS_GREATEST), max_size=5))
def test_what_a_producer_numbers_is_read_back_without_a_hole(producer: str, boot: str, sizes: list[int]) -> None:
    numbering = Numbering(producer, boot)
    expected = 0
    for events in sizes:
        ((name, value),) = numbering.headers(events)
        assert name == HEADER
        assert parse(value) == Place(id_of(producer), id_of(boot), expected, events)
        expected += events


def test_a_batch_of_records_has_its_producers_once_and_its_malformed_headers_counted() -> None:
    records: list[Headers] = [
        [(HEADER, b"a/1/0")],
        [],
        [("traceparent", b"00-1"), (HEADER, b"a/1/1/3"), ("other", None)],
        [(HEADER, b"nonsense")],
        [(HEADER, None)],
        [(HEADER, b"a/1/9"), (HEADER, b"a/2/5")],
        [("traceparent", b"a/1/1")],
    ]
    places = places_of(records)
    assert places.names == [("a", "1"), ("a", "2")]
    assert places.name_of == [0, -1, 0, -1, -1, 1, -1]
    assert places.sequences == [0, 0, 1, 0, 0, 5, 0]
    assert places.malformed == 2


HEADERS = st.from_regex(rb"\A[ab]/[01]/[0-9]{1,17}(/[0-9])?\Z") | st.binary(max_size=8)


@given(st.lists(HEADERS, max_size=20))
def test_a_batch_says_what_its_headers_say_one_by_one(values: list[bytes]) -> None:
    places = places_of([[(HEADER, value)] for value in values])
    alone = [parse(value) for value in values]
    assert places.malformed == alone.count(None)
    for name, sequence, place in zip(places.name_of, places.sequences, alone, strict=True):
        told = None if name < 0 else (*places.names[name], sequence)
        assert told == (place and place[:3])
    assert len(set(places.names)) == len(places.names)


def test_a_dead_letter_stands_for_its_element_or_for_the_whole_record() -> None:
    headers: Headers = [(HEADER, b"a/1/100/5")]
    assert place_of_letter(headers, None) == Place("a", "1", 100, 5)
    assert place_of_letter(headers, 3) == Place("a", "1", 103, 1)
    assert place_of_letter([], None) is None
    assert place_of_letter([(HEADER, b"\xff")], 0) is None
