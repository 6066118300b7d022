"""Fingerprints of errors."""

import pytest

from pipeline.lander.fingerprint import fingerprint, template

SAME = [
    ("card 4711 was declined", "card 42 was declined"),
    ("no order 'A-17'", "no order 'B-99'"),
    ('no order "A-17"', 'no order "B-99"'),
    ("lost 123e4567-e89b-12d3-a456-426614174000", "lost 00000000-0000-0000-0000-000000000000"),
    ("at 0x7f3a", "at 0x11"),
    ("commit deadbeef01", "commit 0123456789"),
    ("took 1.5 s", "took 22.75 s"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_messages_that_differ_in_ids_and_numbers_have_one_fingerprint(one: str, other: str) -> None:
    assert fingerprint("checkout", "Declined", one) == fingerprint("checkout", "Declined", other)


def test_another_service_type_or_wording_is_another_cause() -> None:
    causes = [("a", "T", "lost"), ("b", "T", "lost"), ("a", "U", "lost"), ("a", "T", "found"), ("aT", "", "lost")]
    assert len({fingerprint(*cause) for cause in causes}) == len(causes)


def test_it_never_changes_between_releases() -> None:
    assert fingerprint("checkout", "CardDeclined", "card 17 was declined") == "dce91cc88912282d"


def test_a_word_is_no_hash() -> None:
    assert template("defaced facade is effaced") == "defaced facade is effaced"


def test_a_huge_message_counts_by_its_beginning() -> None:
    assert fingerprint("a", "T", "x" * 10_000) == fingerprint("a", "T", "x" * 9_000)
