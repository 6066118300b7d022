"""Sessions: handles that outlive a request, for temporary tables and SET."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.embedded.clickhouse_engine import Handle
from pipeline.embedded.clickhouse_errors import (
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ServerError,
)

SESSIONS_MAX = 256
Key = tuple[str, str]
"""The user's name and the id that the client chose."""


@dataclass(slots=True)
class Session:
    """A session: its handle once it has one, and until when it is kept without a request."""

    handle: Handle | None = None
    busy: bool = False
    expires_ms: int = 0


class Sessions:
    """All sessions, by user and id. Used by the event loop alone."""

    def __init__(self) -> None:
        self._sessions: dict[Key, Session] = {}

    def take(self, key: Key, *, must_exist: bool) -> Session:
        """Return the session, made if need be, and mark it busy.

        Raises ServerError: 373 when it is busy, 372 when it must exist and doesn't, 202 when there are too many.
        """
        session = self._sessions.get(key)
        if session is None and must_exist:
            raise ServerError(SESSION_NOT_FOUND, f"Session {key[1]!r} not found")
        if session is None and len(self._sessions) >= SESSIONS_MAX:
            raise ServerError(TOO_MANY_SIMULTANEOUS_QUERIES, f"There are {SESSIONS_MAX} sessions: end some, or wait")
        session = self._sessions.setdefault(key, Session())
        if session.busy:
            raise ServerError(SESSION_IS_LOCKED, f"Session {key[1]!r} is locked by a concurrent client")
        session.busy = True
        return session

    def give_back(self, key: Key, expires_ms: int) -> None:
        """Mark the session free, and keep it until then."""
        session = self._sessions[key]
        session.busy, session.expires_ms = False, expires_ms

    def drop(self, key: Key) -> Handle | None:
        """Forget the session and return its handle, to be closed."""
        return self._sessions.pop(key).handle

    def reap(self, now_ms: int) -> Iterator[Handle]:
        """Forget the sessions whose time is over, and yield their handles to be closed."""
        over = [key for key, session in self._sessions.items() if not session.busy and session.expires_ms <= now_ms]
        for key in over:
            if handle := self._sessions.pop(key).handle:
                yield handle
