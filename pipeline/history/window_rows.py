"""Rows of slots and of window stats, a share of the series at a time, as columns of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from pipeline.core.block import ADDITIVE, Int64s
from pipeline.core.series import Series
from pipeline.history.expected_slots import Span
from pipeline.history.slot_columns import EXTREMES, SERIES, VECTORS, listed
from pipeline.history.window_figures import COUNTS, FIGURES, Panes

_NAMES = listed(f"toString({name}) AS {name}" for name in SERIES)
STATUS = ("status_code", "status_count")


@dataclass(frozen=True, slots=True)
class Share:
    """Share `number` of so many of the series, by a hash of their names."""

    number: int
    of: int

    @property
    def holds(self) -> str:
        """Return the condition in SQL."""
        return f"cityHash64({listed(SERIES)}) % {self.of} = {self.number}"


def slot_rows(client: Client, database: str, span: Span, step_ms: int, share: Share) -> pa.Table:
    """Return every slot of a span of the series in one share of them, by series; summed where a step has many panes."""
    if step_ms != span.pane_ms:
        return _summed(client, database, span, step_ms, share.holds, {})
    return client.query_arrow(f"""
        SELECT {_NAMES}, toUnixTimestamp64Milli(pane_start) AS pane_ms, {listed(VECTORS.columns)}
        FROM {database}.slots_log FINAL
        PREWHERE {span.holds("pane_start")} AND pane_seconds = {span.pane_ms // 1_000} AND {share.holds}
        ORDER BY {listed(SERIES)}""")


def slots_but(
    client: Client, database: str, span: Span, step_ms: int, names: Iterable[Series], left_out_ms: Iterable[int]
) -> pa.Table:
    """Return the slots of some series in a span, summed by steps and without those of some panes, by series."""
    return _summed(
        client,
        database,
        span,
        step_ms,
        f"({listed(SERIES)}) IN {{names:Array(Tuple(String, String, String, String))}} "
        "AND toUnixTimestamp64Milli(pane_start) NOT IN {left_out:Array(Int64)}",
        {"names": [tuple(one) for one in names], "left_out": list(left_out_ms)},
    )


def _summed(
    client: Client, database: str, span: Span, step_ms: int, condition: str, parameters: dict[str, object]
) -> pa.Table:
    names = listed(f"s.{name} AS {name}" for name in SERIES)
    return client.query_arrow(
        f"""
        SELECT {listed(SERIES)}, pane_ms, {listed(VECTORS.columns)} FROM (
            SELECT {names}, s.step_start_ms AS pane_ms, {VECTORS.summed("s.")}
            FROM (
                SELECT {_NAMES}, intDiv(toUnixTimestamp64Milli(pane_start), {step_ms}) * {step_ms} AS step_start_ms,
                    {VECTORS.selected}
                FROM {database}.slots_log FINAL
                PREWHERE {span.holds("pane_start")} AND pane_seconds = {span.pane_ms // 1_000} WHERE {condition}
            ) AS s GROUP BY {listed(f"s.{name}" for name in SERIES)}, s.step_start_ms
        ) ORDER BY {listed(SERIES)}""",
        parameters=parameters,
    )


def told_rows(client: Client, database: str, span: Span, windows: Iterable[str], share: Share) -> pa.Table:
    """Return what the stream said of some windows at steps that end in ``(from, to]``, of one share of the series."""
    named = listed(f"'{name}'" for name in windows)
    return client.query_arrow(f"""
        SELECT {_NAMES}, toString(window) AS name, toUnixTimestamp64Milli(window_start) AS start_ms,
            toUnixTimestamp64Milli(step_end) AS end_ms, {listed(COUNTS)},
            {listed(f"ifNull({name}, nan) AS {name}" for name in FIGURES)}, {listed(STATUS)}
        FROM {database}.window_stats_log FINAL
        PREWHERE step_end > fromUnixTimestamp64Milli({span.from_ms})
            AND step_end <= fromUnixTimestamp64Milli({span.to_ms}) AND window IN ({named}) AND {share.holds}
        ORDER BY {listed(SERIES)}, name, end_ms""")


def by_series(rows: pa.Table) -> Iterator[tuple[Series, pa.Table]]:
    """Yield each series of a table that is in their order, with its rows."""
    names = [rows.column(name).combine_chunks().dictionary_encode() for name in SERIES]
    if not rows.num_rows:
        return
    codes = np.stack([encoded.indices.to_numpy() for encoded in names])
    starts = np.concatenate(([0], np.flatnonzero((codes[:, 1:] != codes[:, :-1]).any(axis=0)) + 1, [rows.num_rows]))
    for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        series = Series(*(encoded[first].as_py() for encoded in names))
        yield series, rows.slice(first, end - first)


def panes_of(rows: pa.Table, from_ms: int, step_ms: int) -> Panes:
    """Return slots of one series as panes as long as a step, numbered from `from_ms` on."""
    place = (numbers(rows, "pane_ms") - from_ms) // step_ms
    hist_row, hist_index, hist_count = entries(rows, "latency_index", "latency_count")
    status_row, status_code, status_count = entries(rows, *STATUS)
    return Panes(
        place=place,
        scalars=np.stack([numbers(rows, name) for name in ADDITIVE], axis=1),
        extremes=np.stack([numbers(rows, name) for name in EXTREMES], axis=1),
        hist_row=hist_row,
        hist_index=hist_index,
        hist_count=hist_count,
        status_row=status_row,
        status_code=status_code,
        status_count=status_count,
    )


def numbers(rows: pa.Table, name: str) -> Int64s:
    """Return a column of whole numbers."""
    return np.asarray(rows.column(name).to_numpy(), np.int64)


def entries(rows: pa.Table, keys: str, counts: str) -> tuple[Int64s, Int64s, Int64s]:
    """Return two columns of lists, entry by entry: the row of each, its key, its count."""
    lists = [_list(rows, name) for name in (keys, counts)]
    lengths = np.asarray(lists[0].value_lengths().to_numpy(zero_copy_only=False), np.int64)
    flat = [np.asarray(one.flatten().to_numpy(zero_copy_only=False), np.int64) for one in lists]
    return np.repeat(np.arange(rows.num_rows), lengths), flat[0], flat[1]


def _list(rows: pa.Table, name: str) -> Any:
    combined = rows.column(name).combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
