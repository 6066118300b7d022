"""Examples of one pane: of every series a few of the events behind its figures, so that an alert can show some.

Who loses them loses no figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.columns import CANCELLED, CLIENT_ERROR, FAILED, Columns
from pipeline.core.example import SEVERITIES, Example, Kind, RowExample
from pipeline.core.pane_rows import PaneRows
from pipeline.core.series import Series

Int64s = npt.NDArray[np.int64]

FIRST = 3
"""Of each kind the first so many of a series and pane are kept; of slow calls the slowest one."""
SLOW_US = 100_000
"""Calls that took less are no example of slow ones, whatever a rule's threshold."""
MESSAGE_CHARACTERS = 200
OF_A_BATCH = 32
"""Of each kind no more are taken of one batch: a flood costs little, and its other series are looked at in the next."""


class PaneExamples:
    """The examples of one pane at one source partition, by row.

    Events are looked at in batches and given to rows later, when all of them have one.
    """

    def __init__(self) -> None:
        self._chosen: list[tuple[int, Example]] = []  # (number of the series table, example), in offset order
        self._count: dict[Kind, Int64s] = {}  # first ones by that number
        self._slowest_us = np.zeros(0, np.int64)
        self._numbers = 0  # how many there are in the series table
        self._of_row: dict[int, list[Example]] = {}
        self._new: dict[int, list[Example]] = {}

    def choose(self, events: Columns, numbers: int) -> None:
        """Look at a batch; `numbers` is how many there are in the series table."""
        if events.event is None:
            return
        self._numbers = numbers
        if events.duration_us is None:
            for flag, kind in enumerate(SEVERITIES):
                self._choose_first(kind, events, events.flags == flag)
            return
        clients = (events.flags & CLIENT_ERROR) > 0
        self._choose_first("failed", events, ((events.flags & FAILED) > 0) & ~clients)
        self._choose_first("client_error", events, clients)
        self._choose_slowest(events, events.duration_us)

    def forget_numbers(self) -> None:
        """The series table is about to be cleared; everything has been given to rows."""
        self._count.clear()
        self._slowest_us = np.zeros(0, np.int64)

    def place(self, rows: PaneRows, table: list[Series]) -> None:
        """Give what was chosen to its row, and to the rows above it."""
        if not self._chosen:
            return
        numbers = np.array([number for number, _ in self._chosen], np.int32)
        for row, (_, example) in zip(rows.rows_of(numbers, table).tolist(), self._chosen, strict=True):
            for target in (row, rows.service_row[row], rows.overall_row[row]):
                if target >= 0:
                    self._keep(target, example)
        self._chosen.clear()

    def of_rows(self, rows: list[int], *, everything: bool) -> list[RowExample]:
        """Return the examples of some rows by place in `rows`: all, or those that are new since the last call."""
        found = self._of_row if everything else self._new
        told = [
            RowExample(place, each)
            for place, row in enumerate(rows)
            if row in found
            for each in sorted(found[row], key=lambda one: (one.offset, one.index, one.kind))
        ]
        for row in rows:
            self._new.pop(row, None)
        return told

    def _choose_first(self, kind: Kind, events: Columns, wanted: npt.NDArray[np.bool_]) -> None:
        places = np.flatnonzero(wanted)
        if not places.size:
            return
        count = self._count[kind] = _grown(self._count.get(kind), self._numbers)
        places = places[count[events.series[places]] < FIRST]
        if not places.size:
            return
        numbers = events.series[places]
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        nth = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
        rank = nth + count[ordered]
        found, rank = places[order[rank < FIRST]], rank[rank < FIRST]
        chosen = np.sort(found[np.lexsort((found, rank))[:OF_A_BATCH]])  # series that have fewer come first
        np.add.at(count, events.series[chosen], 1)
        self._chosen += _made(kind, events, chosen)

    def _choose_slowest(self, events: Columns, duration_us: Int64s) -> None:
        self._slowest_us = _grown(self._slowest_us, self._numbers)
        longer = np.maximum(self._slowest_us[events.series], SLOW_US - 1) < duration_us
        places = np.flatnonzero(longer & ((events.flags & CANCELLED) == 0))
        if not places.size:
            return
        numbers = events.series[places]
        order = np.lexsort((-places, duration_us[places], numbers))  # of equally slow ones the first
        ordered = numbers[order]
        last = np.flatnonzero(np.concatenate((ordered[1:] != ordered[:-1], [True])))
        chosen = places[order[last]]
        chosen = np.sort(chosen[np.argsort(-duration_us[chosen], kind="stable")][:OF_A_BATCH])
        self._slowest_us[events.series[chosen]] = duration_us[chosen]
        self._chosen += _made("slow", events, chosen)

    def _keep(self, row: int, example: Example) -> None:
        known = self._of_row.setdefault(row, [])
        if example.kind == "slow":
            slower = [one for one in known if one.kind == "slow"]
            if slower and slower[0].duration_us >= example.duration_us:
                return
            known[:] = [one for one in known if one.kind != "slow"]
        elif sum(one.kind == example.kind for one in known) >= FIRST:
            return
        known.append(example)
        self._new.setdefault(row, []).append(example)


def _grown(known: Int64s | None, length: int) -> Int64s:
    if known is None:
        return np.zeros(length, np.int64)
    return known if len(known) >= length else np.concatenate((known, np.zeros(length - len(known), np.int64)))


def _made(kind: Kind, events: Columns, places: Int64s) -> Iterator[tuple[int, Example]]:
    assert events.event is not None
    for place in places.tolist():
        duration_us = 0 if events.duration_us is None else int(events.duration_us[place])
        yield (
            int(events.series[place]),
            _example(kind, events.event[place], int(events.offset[place]), int(events.index[place]), duration_us),
        )


def _example(kind: Kind, event: Any, offset: int, index: int, duration_us: int) -> Example:
    said = f"{event.error_type}: {event.message}" if kind in SEVERITIES else _ended(event, duration_us)
    return Example(
        kind=kind,
        offset=offset,
        index=index,
        timestamp_ms=event.timestamp_ms,
        duration_us=duration_us,
        event_id=event.event_id,
        request_id=event.request_id,
        trace_id=event.trace_id,
        message=said[:MESSAGE_CHARACTERS],
    )


def _ended(event: Any, duration_us: int) -> str:
    """Return how long a call took and how it ended: ``took 3,000 ms, timeout, status 504``."""
    parts: Iterable[str | None] = (
        f"took {duration_us / 1000:,.0f} ms",
        event.outcome or ("ok" if event.success else "failed"),
        f"status {event.status_code}" if event.status_code is not None else None,
        f"version {event.version}" if event.version is not None else None,
    )
    return ", ".join(part for part in parts if part is not None)
