"""All panes of one shard that a window may touch: open ones in memory, closed ones in the table."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.block import COLUMN, Block, Int64s
from pipeline.core.closed_pane import blocks_of
from pipeline.core.open_panes import OpenPane
from pipeline.core.row_table import RowTable
from pipeline.core.series import Series
from pipeline.core.sums import StatusColumns, Sums

Fetch = Callable[[int], Sequence[bytes]]
"""Returns the table's records of a closed pane by its start, in any order."""

_CALLS = COLUMN["calls"]
_DECODED_PANES = 16


@dataclass(frozen=True, slots=True)
class Share:
    """Some of a pane's series: where they go in the windows (rows may repeat) and what they add there."""

    rows: Int64s
    counts: Block | Sums
    extremes: Int64s

    @property
    def calls(self) -> Int64s:
        """Calls of each of its series."""
        return self.counts.scalars[: self.rows.size, _CALLS]

    def moved(self, rows: Int64s) -> Share:
        """Return the same for other rows."""
        return Share(rows, self.counts, self.extremes)

    def add_to(self, sums: Sums, sign: int) -> None:
        """Add (1) or subtract (-1) the share."""
        if isinstance(self.counts, Sums):
            sums.add_sums(self.rows, self.counts, sign)
        else:
            sums.add_block(self.rows, self.counts, sign)


class PaneStore:
    """Panes by start. Closed ones are read from the table when a window needs them; the last few stay decoded."""

    def __init__(self, columns: StatusColumns, rows: RowTable, fetch: Fetch) -> None:
        self.open: dict[int, OpenPane] = {}
        self.columns = columns
        self._rows = rows
        self._fetch = fetch
        self._starts: list[int] = []
        self._closed: dict[int, int] = {}
        self._decoded: OrderedDict[int, list[Block]] = OrderedDict()

    def starts(self, from_ms: int, before_ms: int) -> list[int]:
        """Return the starts of known panes in `[from_ms, before_ms)`, ascending."""
        return self._starts[bisect_left(self._starts, from_ms) : bisect_left(self._starts, before_ms)]

    def first_ms(self) -> int | None:
        """Start of the earliest known pane."""
        return self._starts[0] if self._starts else None

    def next_ms(self, from_ms: int) -> int | None:
        """Start of the first known pane at or after `from_ms`."""
        at = bisect_left(self._starts, from_ms)
        return self._starts[at] if at < len(self._starts) else None

    def opened(self, start_ms: int, offset: int) -> OpenPane:
        """Return the open pane, made if it isn't there."""
        pane = self.open.get(start_ms)
        if pane is None:
            pane = self.open[start_ms] = OpenPane(start_ms, self.columns, offset)
            insort(self._starts, start_ms)
        return pane

    def open_ascending(self) -> Iterator[OpenPane]:
        """Yield open panes in order of time."""
        return (self.open[start_ms] for start_ms in sorted(self.open))

    def close(self, start_ms: int, parts: int) -> None:
        """From now on the pane is read from the table, where it has so many parts."""
        if self.open.pop(start_ms, None) is None:
            insort(self._starts, start_ms)
        self._closed[start_ms] = parts

    def forget_closed(self, before_ms: float) -> dict[int, int]:
        """Forget closed panes that start before; return how many parts each has in the table."""
        old = {start_ms: parts for start_ms, parts in self._closed.items() if start_ms < before_ms}
        for start_ms in old:
            del self._closed[start_ms]
            del self._starts[bisect_left(self._starts, start_ms)]
        return old

    def shares(self, start_ms: int) -> list[Share]:
        """Return what a known pane adds to the windows."""
        pane = self.open.get(start_ms)
        if pane is not None:
            return [Share(self.rows_of(pane, pane.series), pane.dense(), pane.extremes())]
        return [Share(self._rows.of(block.series), block, block.extremes) for block in self._blocks(start_ms)]

    def slot_shares(self, start_ms: int) -> list[Share]:
        """Return the same as `shares`, of an open pane source by source: cheaper when little of it is wanted."""
        pane = self.open[start_ms]
        to = self.rows_of(pane, pane.series)
        return [Share(to[rows], block, block.extremes) for rows, block in pane.slots()]

    def drop_dense(self, before_ms: int) -> None:
        """Free the dense sums of open panes that start before: they are in the windows by now."""
        for pane in self.open.values():
            if pane.start_ms < before_ms:
                pane.drop_dense()

    def rows_of(self, pane: OpenPane, names: list[Series]) -> Int64s:
        """Return the window rows of series of an open pane, under the names that they are counted by."""
        return self._rows.of(pane.counted_as(names))

    def _blocks(self, start_ms: int) -> list[Block]:
        blocks = self._decoded.pop(start_ms, None) or blocks_of(self._fetch(start_ms))
        self._decoded[start_ms] = blocks
        if len(self._decoded) > _DECODED_PANES:
            self._decoded.popitem(last=False)
        return blocks
