"""When a receiver wants to be asked again: the header Retry-After."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0


def retry_after_s(value: str | None, date: str | None, now_s: float) -> float | None:
    """Return for how long to wait, None if the header says nothing usable. At most a day, at least 0.

    The header is a number of seconds or an instant (RFC 9110, 10.2.3). An instant is counted from the receiver's own
    `Date`, as the two clocks may differ, and from `now_s`, seconds since 1970, if there is none.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_S)
    until_s = _instant_s(value)
    if until_s is None:
        return None
    sent_s = _instant_s(date or "")
    return min(max(until_s - (now_s if sent_s is None else sent_s), 0.0), LONGEST_S)


def _instant_s(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
