"""Slots back as the snapshots that they were, pane by pane in order of time, a bounded part of them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from pipeline.core.block import ADDITIVE, Block, Int64s, pack
from pipeline.core.records import Snapshot
from pipeline.core.series import Series
from pipeline.history.expected_slots import Span
from pipeline.history.slot_columns import EXTREMES, SERIES, VECTORS, listed
from pipeline.history.survey import Load, chunks
from pipeline.history.window_rows import numbers

SLOTS_AT_ONCE = 100_000
"""Slots that are held at once, unless one pane has more: about 100 MB with histograms of 50 buckets."""

_DAY_MS = 86_400_000
_PLACE = ("pane_ms", "epoch", "source", "shard", "part")


def stored_panes(
    client: Client, database: str, span: Span, slots_at_once: int = SLOTS_AT_ONCE
) -> Iterator[tuple[int, list[Snapshot]]]:
    """Yield the panes of a span that hold anything, ascending: the start, and what each source contributed to it.

    Newest versions only; repaired slots as they were repaired, and what a repair has emptied not at all.
    """
    for first_ms in range(span.from_ms, span.to_ms, _DAY_MS):
        day = Span(first_ms, min(first_ms + _DAY_MS, span.to_ms), span.pane_ms)
        for part, _ in chunks(_load(client, database, day), span.pane_ms, slots_at_once):
            yield from _panes(_rows(client, database, part), span.pane_ms)


def _load(client: Client, database: str, span: Span) -> list[Load]:
    found = client.query(f"""
        SELECT toUnixTimestamp64Milli(pane_start) AS pane_ms, count() FROM {database}.slots_log
        WHERE {_in(span)} GROUP BY pane_ms ORDER BY pane_ms""").result_rows
    return [Load(int(pane_ms), int(rows)) for pane_ms, rows in found]


def _in(span: Span) -> str:
    return f"{span.holds('pane_start')} AND pane_seconds = {span.pane_ms // 1_000}"


def _rows(client: Client, database: str, span: Span) -> pa.Table:
    names = listed(f"toString({name}) AS {name}" for name in ("source", *SERIES))
    return client.query_arrow(f"""
        SELECT {names}, toUnixTimestamp64Milli(pane_start) AS pane_ms, epoch, shard, part, {listed(VECTORS.columns)}
        FROM {database}.slots_log FINAL PREWHERE {_in(span)} WHERE events + error_events > 0
        ORDER BY {listed(_PLACE)}, {listed(SERIES)}""")


def _panes(rows: pa.Table, pane_ms: int) -> Iterator[tuple[int, list[Snapshot]]]:
    starts_ms = numbers(rows, "pane_ms")
    snapshots: list[Snapshot] = []
    for snapshot in _snapshots(rows, starts_ms, pane_ms):
        if snapshots and snapshots[0].pane_start_ms != snapshot.pane_start_ms:
            yield snapshots[0].pane_start_ms, snapshots
            snapshots = []
        snapshots.append(snapshot)
    if snapshots:
        yield snapshots[0].pane_start_ms, snapshots


def _snapshots(rows: pa.Table, starts_ms: Int64s, pane_ms: int) -> Iterator[Snapshot]:
    """Yield a snapshot for each pane, source and part; the rows are in their order."""
    if not rows.num_rows:
        return
    sources = _encoded(rows, "source")
    place = np.stack(
        [starts_ms, sources.indices.to_numpy(), *(numbers(rows, one) for one in ("epoch", "shard", "part"))]
    )
    firsts = np.flatnonzero(np.concatenate(([True], (place[:, 1:] != place[:, :-1]).any(axis=0))))
    columns = _Columns(rows)
    for first, end in zip(firsts.tolist(), [*firsts[1:].tolist(), rows.num_rows], strict=True):
        start_ms, source, epoch, shard, part = place[:, first].tolist()
        # One engine takes all shards: a part of one is a part of its own there.
        yield Snapshot(
            epoch=epoch,
            source=sources.dictionary[source].as_py(),
            pane_start_ms=start_ms,
            pane_ms=pane_ms,
            shard=0,
            part=shard << 16 | part,
            version=0,
            final=True,
            block=pack(columns.block(first, end)),
        )


class _Columns:
    """Rows of slots as columns of numbers, of which blocks are slices."""

    def __init__(self, rows: pa.Table) -> None:
        self._series = _series(rows)
        self._scalars = np.stack([numbers(rows, name) for name in ADDITIVE], axis=1)
        self._extremes = np.stack([numbers(rows, name) for name in EXTREMES], axis=1)
        self._hist = _Lists(rows, "latency_index", "latency_count")
        self._status = _Lists(rows, "status_code", "status_count")

    def block(self, first: int, end: int) -> Block:
        """Return the block of some rows."""
        hist_len, hist_index, hist_count = self._hist.of(first, end)
        status_len, status_code, status_count = self._status.of(first, end)
        return Block(
            series=self._series[first:end],
            scalars=self._scalars[first:end],
            extremes=self._extremes[first:end],
            hist_len=hist_len,
            hist_index=hist_index.astype(np.int16),
            hist_count=hist_count,
            status_len=status_len,
            status_code=status_code.astype(np.uint16),
            status_count=status_count,
        )


class _Lists:
    """Two columns of lists of the same lengths: keys and counts."""

    def __init__(self, rows: pa.Table, keys: str, counts: str) -> None:
        lists = [_whole(rows.column(name)) for name in (keys, counts)]
        self._lengths = np.asarray(lists[0].value_lengths().to_numpy(zero_copy_only=False), np.int64)
        self._ends = np.concatenate(([0], np.cumsum(self._lengths)))
        self._keys, self._counts = (np.asarray(one.flatten().to_numpy(zero_copy_only=False), np.int64) for one in lists)

    def of(self, first: int, end: int) -> tuple[Int64s, Int64s, Int64s]:
        """Return lengths, keys and counts of some rows."""
        flat = slice(int(self._ends[first]), int(self._ends[end]))
        return self._lengths[first:end], self._keys[flat], self._counts[flat]


def _series(rows: pa.Table) -> list[Series]:
    """Return the series of each row; equal ones are one object."""
    encoded = [_encoded(rows, name) for name in SERIES]
    words = [one.dictionary.to_pylist() for one in encoded]
    codes = zip(*(one.indices.to_pylist() for one in encoded), strict=True)
    known: dict[tuple[int, ...], Series] = {}
    return [
        known.get(code) or known.setdefault(code, Series(*(word[at] for word, at in zip(words, code, strict=True))))
        for code in codes
    ]


def _encoded(rows: pa.Table, name: str) -> Any:
    return _whole(rows.column(name)).dictionary_encode()


def _whole(column: pa.ChunkedArray) -> Any:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
