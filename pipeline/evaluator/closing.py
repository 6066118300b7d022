"""Closes panes of a shard: into the table, then into the long windows, whose steps come due by that."""

from __future__ import annotations

from pipeline.core.alert_engine import evaluate
from pipeline.core.closed_pane import ClosedKey, ClosedPane
from pipeline.core.stats import stats
from pipeline.evaluator.keys import closed_key
from pipeline.evaluator.outbox import encode_seen
from pipeline.evaluator.pane_records import PaneRecords
from pipeline.evaluator.shard import LongSide, Shard
from pipeline.evaluator.speaker import Speaker
from pipeline.evaluator.takeover import Tables
from pipeline.faust_ext.table import DurableTable


async def close(shard: Shard, tables: Tables, speaker: Speaker, slow_us: int, now_ms: int) -> None:
    """Write the panes that are due, delete those that nothing needs any more, and move the long windows on."""
    for pane in shard.engine.close_due(now_ms):
        await _write(shard.records, tables.closed_panes, pane)
        shard.engine.closed(pane)
        if shard.long is not None:
            shard.long.windows.closed(pane.start_ms, [pane.block])
    kept_from_ms = None
    if shard.long is not None:
        await _move_on(shard, shard.long, speaker, slow_us)
        for coarse in shard.long.engine.close_due(now_ms):
            await _write(shard.long.records, tables.long_panes, coarse)
            shard.long.engine.closed(coarse)
        await _delete(shard.long.records, tables.long_panes, shard.number, shard.long.engine.expired())
        kept_from_ms = shard.long.windows.kept_from_ms()
    await _delete(shard.records, tables.closed_panes, shard.number, shard.engine.expired(kept_from_ms))


async def _move_on(shard: Shard, long: LongSide, speaker: Speaker, slow_us: int) -> None:
    """Say what the steps of the long windows that have become due have to say."""
    if shard.engine.closed_through_ms is None:
        return
    long.windows.closed_through(shard.engine.closed_through_ms)
    for end_ms in long.engine.due_steps():
        view = long.engine.view(end_ms, "on_time")
        view.completeness = shard.engine.frontier.completeness(end_ms)
        speaker.stats(long, stats(view, slow_us))
        long.seen = encode_seen(view.seen)
        await speaker.keep(long, evaluate(long.rules, view, long.states, shard.examples))
        long.engine.emitted(view)
        await speaker.flush_if_many(long)


async def _write(records: PaneRecords, table: DurableTable, pane: ClosedPane) -> None:
    items = {closed_key(key): value for key, value in pane.records()}
    await table.write(pane.shard, dict(items))
    records.wrote(items)


async def _delete(records: PaneRecords, table: DurableTable, shard: int, expired: list[ClosedKey]) -> None:
    keys = [closed_key(key) for key in expired]
    if keys:
        await table.write(shard, dict.fromkeys(keys))
        records.deleted(keys)
