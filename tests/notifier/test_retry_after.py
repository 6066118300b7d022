from datetime import UTC, datetime

import pytest

from pipeline.notifier.channels.retry_after import LONGEST_S, retry_after_s

NOW_S = datetime(2026, 10, 22, 11, 23, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "date", "expected"),
    [
        (None, None, None),
        ("120", None, 120.0),
        (" 0 ", None, 0.0),
        ("99999999999999999999", None, LONGEST_S),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("", None, None),
        ("٣", None, None),  # a digit, and no ASCII
        ("Thu, 22 Oct 2026 11:24:10 GMT", None, 60.0),
        ("Thu, 22 Oct 2026 11:22:10 GMT", None, 0.0),
        ("Thu, 22 Oct 2099 11:22:10 GMT", None, LONGEST_S),
        ("Thu, 22 Oct 2026 11:24:10 GMT", "Thu, 22 Oct 2026 11:24:00 GMT", 10.0),
        ("Thu, 22 Oct 2026 11:24:10 GMT", "not a date", 60.0),
        ("Thu, 99 Oct 2026 11:24:10 GMT", None, None),
    ],
)
def test_the_wait_is_read_from_seconds_and_from_an_instant(value: str, date: str, expected: float | None) -> None:
    assert retry_after_s(value, date, NOW_S) == expected
