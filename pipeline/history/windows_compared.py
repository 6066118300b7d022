"""All windows of a range, an hour of steps and a share of the series at a time.

A window is right if it is the sum of its slots, or of what raw rows make its slots (without late events: the stream's
panes). Where the two are not the same the slots are differences already, or were repaired; a window that the stream
told rightly is not one more. What is wrong against both is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from pipeline.core.series import OVERFLOW, Series, shard_of
from pipeline.history.buckets import BUCKET_ENDS
from pipeline.history.cut import Cut
from pipeline.history.expected_slots import Rows, Span, expected_slots
from pipeline.history.findings import Compared
from pipeline.history.slot_check import SETTINGS, differing_panes, rows_of
from pipeline.history.slot_columns import SERIES, VECTORS, listed
from pipeline.history.survey import chunks, load_of
from pipeline.history.window_check import Steps, Wrong, capped, check_series
from pipeline.history.window_rows import Share, by_series, panes_of, slot_rows, slots_but, told_rows
from pipeline.settings import Settings, window_ms

SLOTS_AT_ONCE = 150_000
"""Slots that are held in memory at once: about 150 MB with histograms of 50 buckets."""
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Task:
    """What does not change while windows are compared; `long`: it is about the long ones."""

    client: Client
    settings: Settings
    database: str
    cut: Cut
    kept_from_ms: int  # slots before this are not asked for
    most: int  # so many differences are kept
    long: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The windows that are kept now."""
        return self.settings.long_windows if self.long else self.settings.windows

    @property
    def through_ms(self) -> Mapping[int, int] | None:
        """Up to which step the windows of each shard are final; None where it is not known."""
        return self.cut.long_windows_ms if self.long else self.cut.windows_ms

    @property
    def named(self) -> str:
        """What they are called where they are counted."""
        return "long windows" if self.long else "windows"

    @property
    def at_once_ms(self) -> int:
        """Steps that are compared together: the slots that their windows reach back to are read once for all."""
        return _DAY_MS if self.long else _HOUR_MS

    def step_ms(self, span: Span) -> int:
        """Return what the windows move by."""
        return self.settings.long_pane_seconds * 1_000 if self.long else span.pane_ms


@dataclass(slots=True)
class _Hour:
    """Steps of an hour, or a day, and which panes in their reach have slots that are not what the stream counted."""

    task: Task
    steps: Steps
    altered: list[Span] | None = None
    compared: Compared = field(default_factory=Compared)

    def altered_panes(self) -> list[Span]:
        """Return the panes whose slots are not what raw rows without late events make; looked for when first asked."""
        if self.altered is None:
            client, database = self.task.client, self.task.database
            self.altered = []
            for span, _ in chunks(load_of(client, database, self.steps.panes), self.steps.panes.pane_ms):
                rows = replace(rows_of(client, database, span, late=""), late="")
                _, wrong = differing_panes(client, database, span, self.task.cut, rows)
                self.altered += [replace(span, from_ms=at, to_ms=at + span.pane_ms) for at in sorted(wrong)]
        return self.altered


def windows_compared(task: Task, span: Span, tell: Callable[[int], None]) -> Compared:
    """Compare every window whose step ends in ``(from, to]``; `tell` is called with how many ms of steps are done."""
    total = Compared()
    step_ms, at_once_ms = task.step_ms(span), task.at_once_ms
    whole = replace(span, from_ms=span.from_ms // step_ms * step_ms, to_ms=span.to_ms // step_ms * step_ms)
    for first_ms in range(whole.from_ms, whole.to_ms, at_once_ms):
        steps = _steps(task, replace(span, from_ms=first_ms, to_ms=min(first_ms + at_once_ms, whole.to_ms)))
        total += _hour(_Hour(task, steps)) if steps is not None else Compared()
        tell(min(at_once_ms, whole.to_ms - first_ms))
    return replace_differences(total, task.most)


def long_windows_from_ms(client: Client, database: str, settings: Settings) -> int:
    """Return the start of the first long pane if there are slots from before it: then long windows were kept later."""
    long = listed(f"'{name}'" for name in settings.long_windows)
    step_end_ms, slot_ms = client.query(f"""
        SELECT (SELECT toUnixTimestamp64Milli(min(step_end)) FROM {database}.window_stats_log WHERE window IN ({long})),
            (SELECT toUnixTimestamp64Milli(min(pane_start)) FROM {database}.slots_log)
    """).result_rows[0]
    first_ms = int(step_end_ms or 0) - settings.long_pane_seconds * 1_000
    return first_ms if int(slot_ms or 0) < first_ms else 0


def replace_differences(compared: Compared, most: int) -> Compared:
    """Return the same with the first differences only."""
    return Compared(compared.counts, compared.differing, compared.left_out, list(compared.differences)[:most])


def _steps(task: Task, span: Span) -> Steps | None:
    """Return the steps of an hour; None where there are neither windows nor slots."""
    windows = _windows_ms(task, span)
    step_ms = task.step_ms(span)
    kept_from_ms = -(-task.kept_from_ms // step_ms) * step_ms
    panes = replace(span, from_ms=max(span.from_ms - max(windows.values()), kept_from_ms))
    if panes.from_ms >= panes.to_ms:
        return None
    last_told_ms = _last_told_ms(task, span)
    through = task.through_ms
    closed_ms = task.cut.closed_through_ms()

    def through_ms(shard: int) -> int:
        if through is None:
            return min(last_told_ms, closed_ms if closed_ms is not None else 0)
        return through.get(shard, 0)

    return Steps(span, panes, step_ms, windows, through_ms, task.settings.partitions)


def _windows_ms(task: Task, span: Span) -> Mapping[str, int]:
    """Return the lengths of the windows that were told in an hour; those of the settings where none was."""
    found = task.client.query(f"""
        SELECT toString(window), toUnixTimestamp64Milli(any(step_end)) - toUnixTimestamp64Milli(any(window_start))
        FROM {task.database}.window_stats_log WHERE {span.holds("step_end")} GROUP BY window
    """).result_rows
    told = {str(name): int(length_ms) for name, length_ms in found if (name in task.settings.long_windows) == task.long}
    return told or {name: window_ms(name) for name in task.names}


def _last_told_ms(task: Task, span: Span) -> int:
    """Return the last step that was told of, in an hour or later; 0 where none was."""
    found = task.client.query(f"""
        SELECT toUnixTimestamp64Milli(max(step_end)) FROM {task.database}.window_stats_log
        WHERE step_end > fromUnixTimestamp64Milli({span.from_ms}) AND window IN ({listed(f"'{n}'" for n in task.names)})
    """).result_rows
    return max(int(found[0][0]), 0)


def _hour(hour: _Hour) -> Compared:
    task, steps = hour.task, hour.steps
    shares = max(-(-_slots_held(task, steps) // SLOTS_AT_ONCE), 1)
    compared = Compared()
    for share in range(shares):
        compared += _share(hour, Share(share, shares))
    return compared


def _slots_held(task: Task, steps: Steps) -> int:
    """Return how many slots the steps take: rows as they are, or one for each series and step."""
    if not task.long:
        return sum(one.rows for one in load_of(task.client, task.database, steps.panes))
    return int(
        task.client.query(f"""
        SELECT uniq({listed(SERIES)}, intDiv(toUnixTimestamp64Milli(pane_start), {steps.step_ms}))
        FROM {task.database}.slots_log WHERE {steps.panes.holds("pane_start")}
    """).result_rows[0][0]
    )


def _share(hour: _Hour, share: Share) -> Compared:
    task, steps = hour.task, hour.steps
    slots = slot_rows(task.client, task.database, steps.panes, steps.step_ms, share)
    told = told_rows(task.client, task.database, steps.span, steps.windows_ms, share)
    slots_of, told_of = dict(by_series(slots)), dict(by_series(told))
    crowded = _crowded_shards(task, steps.span)
    wrong: dict[Series, list[Wrong]] = {}
    compared = unsettled = left_out = 0
    for series in sorted(slots_of.keys() | told_of.keys()):
        rows = told_of.get(series, told.slice(0, 0))
        if series.operation and (capped(series) or shard_of(series, steps.shards) in crowded):
            left_out += rows.num_rows
            continue
        panes = panes_of(slots_of.get(series, slots.slice(0, 0)), steps.panes.from_ms, steps.step_ms)
        checked = check_series(series, panes, rows, steps)
        compared, unsettled = compared + checked.compared, unsettled + checked.unsettled
        if checked.wrong:
            wrong[series] = checked.wrong
    if wrong and hour.altered_panes():
        wrong = dict(_still_wrong(hour, wrong, told_of, told.slice(0, 0)))
    differences = [one for found in wrong.values() for window in found for one in window.differences]
    count = sum(map(len, wrong.values()))
    return Compared(
        {task.named: compared},
        {task.named: count} if count else {},
        {task.named: unsettled, f"{task.named} under the series cap": left_out},
        differences[: task.most],
    )


def _still_wrong(
    hour: _Hour, wrong: Mapping[Series, list[Wrong]], told_of: Mapping[Series, pa.Table], nothing: pa.Table
) -> Iterator[tuple[Series, list[Wrong]]]:
    """Yield the windows that are wrong against raw rows as well."""
    task, steps = hour.task, hour.steps
    from_raw = _from_raw_rows(hour, list(wrong))
    altered = [span.from_ms for span in hour.altered_panes()]
    slots = slots_but(task.client, task.database, steps.panes, steps.step_ms, wrong, altered)
    slots_of = dict(by_series(slots))
    for series, found in wrong.items():
        rows = slots_of.get(series, slots.slice(0, 0))
        if series in from_raw:
            rows = pa.concat_tables([rows, from_raw[series].select(rows.column_names).cast(rows.schema)])
        places = {(one.end_ms, one.name) for one in found}
        panes = panes_of(rows, steps.panes.from_ms, steps.step_ms)
        checked = check_series(series, panes, told_of.get(series, nothing), steps)
        still = [one for one in checked.wrong if (one.end_ms, one.name) in places]
        if still:
            yield series, still


def _from_raw_rows(hour: _Hour, names: list[Series]) -> dict[Series, pa.Table]:
    """Return by series the slots that raw rows without late events make in the altered panes."""
    task = hour.task
    tables = []
    for span in hour.altered_panes():
        rows = Rows(overflowed=rows_of(task.client, task.database, span, late="").overflowed)
        tables.append(
            task.client.query_arrow(
                f"""{BUCKET_ENDS}
                SELECT {listed(SERIES)}, pane_ms, {listed(VECTORS.columns)}
                FROM ({expected_slots(task.database, span, rows, VECTORS)})
                WHERE ({listed(SERIES)}) IN {{names:Array(Tuple(String, String, String, String))}}""",
                parameters={**task.cut.parameters(), "names": [tuple(one) for one in names]},
                settings=SETTINGS,
            )
        )
    together = pa.concat_tables(tables).sort_by([(name, "ascending") for name in (*SERIES, "pane_ms")])
    return dict(by_series(together))


def _crowded_shards(task: Task, span: Span) -> set[int]:
    """Return the shards in which the evaluator's series cap was at work: their overflow series say so."""
    found = task.client.query(f"""
        SELECT DISTINCT toString(dimensions) FROM {task.database}.window_stats_log
        WHERE operation = '{OVERFLOW}' AND startsWith(dimensions, 'shard=') AND {span.holds("step_end")}
    """).result_rows
    return {int(str(dimensions).removeprefix("shard=")) for (dimensions,) in found}
