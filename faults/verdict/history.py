"""What ClickHouse holds, in the same terms as the log: slots, blocks of raw rows, marks, windows, alerts, letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from clickhouse_connect.driver.client import Client

from faults.verdict.events import INDEX_BITS
from faults.verdict.fingerprint import SQL_BUCKETS, SQL_STATUSES, sql_mixed
from faults.verdict.log import RAW_BITS, RAW_COLUMNS, raw_block
from faults.verdict.names import Names
from faults.verdict.stats_log import COUNTS
from faults.verdict.sums import LINEAR, Table, slot_codes, summed
from pipeline.clickhouse_client import connect
from pipeline.core.series import Series
from pipeline.settings import Settings

Int64s = npt.NDArray[np.int64]

_SLOT_COLUMNS = ", ".join(f"toInt64({name})" for name in LINEAR if name not in {"buckets", "statuses"})
_SLOTS = f"""
SELECT environment, service, operation, dimensions, toUnixTimestamp64Milli(pane_start),
    {_SLOT_COLUMNS}, {SQL_BUCKETS}, {SQL_STATUSES},
    toInt64(ifNull(latency_min_us, 9223372036854775807)), toInt64(ifNull(latency_max_us, -1))
FROM slots WHERE source = {{source:String}} AND epoch = {{epoch:UInt32}}
"""
_PLACE = f"bitShiftLeft(toUInt64(offset), {INDEX_BITS}) + idx"
_RAW = """
SELECT topic, partition, intDiv(offset, {size}) AS block, count(),
    reinterpretAsInt64(sumWithOverflow({print})),
    reinterpretAsInt64(sumWithOverflow({print} * toUInt64(toUnixTimestamp64Milli(timestamp)))),
    reinterpretAsInt64(sumWithOverflow({print} * toUInt64({value})))
FROM {view} WHERE epoch = {{epoch:UInt32}} GROUP BY topic, partition, block
"""
_VALUES = {
    "operations": "duration_us * 8 + weight",
    "errors": "(indexOf(['warning', 'error', 'critical'], toString(severity)) - 1) * 8 + weight",
    "samples": "0",
}
_WINDOWS = f"""
SELECT environment, service, operation, dimensions, toUnixTimestamp64Milli(step_end), revision,
    {", ".join(f"toInt64({name})" for name in COUNTS)}
FROM window_stats WHERE window = {{window:String}}
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """A source's newest mark in ClickHouse."""

    position: int
    operations: int
    errors: int
    late: int
    dead: int


class History:
    """Asks ClickHouse. Names that are new to the account get numbers of their own."""

    def __init__(self, client: Client, settings: Settings, series: Names[Series], sources: Names[str]) -> None:
        self._client = client
        self._epoch = settings.epoch
        self._pane_ms = settings.pane_seconds * 1000
        self._series = series
        self._sources = sources

    def slots(self) -> Table:
        """Return the view `slots`, a source at a time."""
        found = [self._slots(source) for (source,) in self._rows("SELECT DISTINCT toString(source) FROM slots")]
        codes = [table.codes for table in found] or [np.zeros(0, np.int64)]
        linear = [table.linear for table in found] or [np.zeros((0, len(LINEAR)), np.int64)]
        extremes = [table.extremes for table in found] or [np.zeros((0, 2), np.int64)]
        return summed(np.concatenate(codes), np.concatenate(linear), np.concatenate(extremes))

    def _slots(self, source: str) -> Table:
        rows = self._rows(_SLOTS, source=source, epoch=self._epoch)
        numbers = np.fromiter((self._series[Series(*row[:4])] for row in rows), np.int64, len(rows))
        figures = np.array([row[4:] for row in rows], np.int64).reshape(len(rows), 1 + len(LINEAR) + 2)
        codes = slot_codes(self._sources[source], figures[:, 0] // self._pane_ms, numbers)
        return Table(codes, figures[:, 1:-2], figures[:, -2:])

    def raw(self, kind: str) -> Table:
        """Return one of the raw views in blocks of offsets."""
        query = _RAW.format(size=1 << RAW_BITS, print=sql_mixed(_PLACE), value=_VALUES[kind], view=kind)
        rows = self._rows(query, epoch=self._epoch)
        codes = [raw_block(self._sources[f"{topic}-{number}"], block) for topic, number, block, *_ in rows]
        figures = np.array([row[3:] for row in rows], np.int64).reshape(len(rows), len(RAW_COLUMNS))
        return summed(np.array(codes, np.int64), figures, np.zeros((len(rows), 2), np.int64))

    def marks(self) -> dict[str, Marked]:
        """Return the view `source_marks`."""
        rows = self._rows(
            "SELECT toString(source), position, operations, errors, late, dead FROM source_marks "
            "WHERE epoch = {epoch:UInt32}",
            epoch=self._epoch,
        )
        return {source: Marked(*figures) for source, *figures in rows}

    def windows(self, window: str) -> dict[tuple[int, int], tuple[int, ...]]:
        """Return one window of `window_stats`: by series and step (revision, counts)."""
        rows = self._rows(_WINDOWS, window=window)
        return {(self._series[Series(*row[:4])], row[4]): tuple(row[5:]) for row in rows}

    def alerts(self, until_ms: int) -> list[tuple[str, int, str]]:
        """Return (alert_id, sequence, json) of the view `alerts`, of those that Kafka took in before then."""
        query = "SELECT alert_id, sequence, json FROM alerts WHERE toUnixTimestamp64Milli(received_at) < {until:Int64}"
        return [(str(alert_id), int(number), str(text)) for alert_id, number, text in self._rows(query, until=until_ms)]

    def late(self) -> int:
        """Return how many events the view `late_events` has."""
        query = "SELECT count() FROM late_events WHERE epoch = {epoch:UInt32}"
        return int(self._rows(query, epoch=self._epoch)[0][0])

    def dead(self) -> list[tuple[str, int, int, int | None, str]]:
        """Return (topic, partition, offset, index, reason) of the view `dead_letters`."""
        rows = self._rows(
            "SELECT topic, partition, offset, nullIf(idx, -1), reason FROM dead_letters WHERE epoch = {epoch:UInt32}",
            epoch=self._epoch,
        )
        return [tuple(row) for row in rows]

    def _rows(self, query: str, **parameters: object) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self._client.query(query, parameters=parameters).result_rows
        return rows


@contextmanager
def history_of(settings: Settings, series: Names[Series], sources: Names[str]) -> Iterator[History]:
    """Give a connection to the pipeline's database."""
    with connect(settings) as client:
        client.database = settings.database
        yield History(client, settings, series, sources)
