"""What marks an event that was sent again from the dead letters: two Kafka headers."""

from __future__ import annotations

from collections.abc import Iterable

REPLAY_OF = "pipeline-replay-of"
"""Header that names the dead letter which an event was sent again from."""

ATTEMPT = "pipeline-attempt"
"""Header that says how often the event is being tried, this time included: 2 the first time that it is sent again."""

Headers = Iterable[tuple[str, bytes | None]]


def is_replay(headers: Headers) -> bool:
    """Return whether a record with these headers was sent again from the dead letters."""
    return any(name == REPLAY_OF for name, _ in headers)


def attempt_of(headers: Headers) -> int:
    """Return how often the event of a record has been tried, 1 where nothing says more. Never fails."""
    told = next((value for name, value in headers if name == ATTEMPT), None)
    return max(1, int(told)) if told is not None and told.isdigit() and len(told) < 10 else 1  # noqa: PLR2004
