"""How far event time has come in one shard: the least watermark over its sources, and up to where panes are final."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipeline.core.records import Mark, Marks

UNHEARD_MS = 60_000
"""Owners tell their marks every second or so: a source that is not in them for so long is read by nobody."""


@dataclass(frozen=True, slots=True)
class _Heard:
    mark: Mark
    offset: int
    told_ms: int

    def key(self) -> tuple[int, int, int]:
        closed = self.mark.closed_through_ms
        return (self.mark.epoch, self.mark.position, -1 if closed is None else closed)


class Frontier:
    """Marks of all sources in; a watermark that never goes back, and a bound for closing, out.

    Every expected source holds both back until it is heard, and as long as it is not idle. Idle sources count too
    (their watermark goes on by itself at their owner), but for two kinds that are released: never used (no watermark),
    and further than `idle_lag_release_ms` behind the greatest watermark.
    """

    def __init__(self, *, close_grace_ms: int, idle_lag_release_ms: int) -> None:
        self._close_grace_ms = close_grace_ms
        self._idle_lag_release_ms = idle_lag_release_ms
        self._expected: frozenset[str] = frozenset()
        self._heard: dict[str, _Heard] = {}
        self._told_ms = 0  # the newest time at which an owner told marks
        self._watermark_ms: int | None = None
        self._candidate: tuple[int, int] | None = None
        self._closable_ms: int | None = None

    def restore(self, watermark_ms: int | None, closed_through_ms: int | None) -> None:
        """Start where the last run stood, so that neither goes back over a restart."""
        self._watermark_ms, self._closable_ms = watermark_ms, closed_through_ms

    def set_sources(self, expected: Collection[str]) -> None:
        """Name every source there is; others are forgotten. A source never heard of holds everything back."""
        self._expected = frozenset(expected)
        self._heard = {source: heard for source, heard in self._heard.items() if source in self._expected}
        self._advance()

    def on_marks(self, marks: Marks, offset: int) -> None:
        """Take in marks that stand at `offset` in `panes`.

        Per source the greatest (epoch, position, closed_through_ms) holds, whatever the order; of equal ones the last.
        """
        self._told_ms = max(self._told_ms, marks.told_ms)
        for mark in marks.marks:
            heard = _Heard(mark, offset, marks.told_ms)
            known = self._heard.get(mark.source)
            if known is None or heard.key() >= known.key():
                self._heard[mark.source] = heard
        self._advance()

    @property
    def watermark_ms(self) -> int | None:
        """Everything before this has come, but for late events; None while unknown. Never goes back."""
        return self._watermark_ms

    @property
    def greatest_ms(self) -> int | None:
        """The greatest watermark of any source; None before there is one."""
        return max(self._watermarks(), default=None)

    def completeness(self, end_ms: int) -> float | None:
        """Return the share of the sources ever used that have nothing more to say before `end_ms`; None before any was.

        That is a watermark that has passed it; or a source that was released and is in order: its owner goes on telling
        that it stands at its end, with nothing unread, however far in the past its clock is. A released source of which
        nothing is heard any more may hold events that nobody reads.
        """
        greatest_ms = self.greatest_ms
        if greatest_ms is None:
            return None
        used = [heard for heard in self._heard.values() if heard.mark.watermark_ms is not None]
        return sum(self._is_through(heard, end_ms, greatest_ms) for heard in used) / len(used)

    def _is_through(self, heard: _Heard, end_ms: int, greatest_ms: int) -> bool:
        if (heard.mark.watermark_ms or 0) >= end_ms:
            return True
        return self._released(heard.mark, greatest_ms) and self._told_ms - heard.told_ms <= UNHEARD_MS

    def closable_ms(self, now_ms: int) -> int | None:
        """Return up to where panes may be closed: they are final at every source. Never goes back.

        The least `closed_through_ms` counts once it has stood for the grace of processing time, and then only as far
        as it still stands: so a source that wakes up just after the others is heard before anything is closed.
        """
        least = self._least_closed()
        if least is None:
            self._candidate = None
            return self._closable_ms
        value, since_ms = self._candidate or (least, now_ms)
        if now_ms - since_ms >= self._close_grace_ms:
            self._closable_ms = _greater(self._closable_ms, min(value, least))
            value, since_ms = least, now_ms
        self._candidate = (value, since_ms) if value > _or_before(self._closable_ms) else None
        return self._closable_ms

    def held_back_offset(self) -> int | None:
        """Return the least offset of the marks that hold now: what a restart must read again to know them."""
        return min((heard.offset for heard in self._heard.values()), default=None)

    def _watermarks(self) -> list[int]:
        marks = (heard.mark for heard in self._heard.values())
        return [mark.watermark_ms for mark in marks if mark.watermark_ms is not None]

    def _holding(self) -> list[Mark] | None:
        """Marks of the sources that count; None while one that holds is not heard or has no watermark."""
        greatest_ms = self.greatest_ms
        if greatest_ms is None or not self._expected <= self._heard.keys():
            return None
        marks = [heard.mark for heard in self._heard.values() if not self._released(heard.mark, greatest_ms)]
        return None if any(mark.watermark_ms is None for mark in marks) else marks

    def _released(self, mark: Mark, greatest_ms: int) -> bool:
        if not mark.idle:
            return False
        return mark.watermark_ms is None or greatest_ms - mark.watermark_ms > self._idle_lag_release_ms

    def _advance(self) -> None:
        least = min(
            (mark.watermark_ms for mark in self._holding() or () if mark.watermark_ms is not None), default=None
        )
        self._watermark_ms = _greater(self._watermark_ms, least)

    def _least_closed(self) -> int | None:
        closed = [mark.closed_through_ms for mark in self._holding() or ()]
        known = [value for value in closed if value is not None]
        return min(known) if known and len(known) == len(closed) else None


def _or_before(value: int | None) -> float:
    return float("-inf") if value is None else value


def _greater(left: int | None, right: int | None) -> int | None:
    return right if _or_before(right) > _or_before(left) else left
