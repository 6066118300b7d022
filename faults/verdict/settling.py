"""Whether the pipeline has come to rest: what is still to be read, closed or said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from faults.verdict.account import Account
from faults.verdict.sums import parts_of
from pipeline.core.series import Series, shard_of
from pipeline.evaluator.keys import closed_key_of


def unsettled(account: Account) -> list[str]:
    """Return what is not done yet, in words; nothing when all is."""
    return [*_unread(account), *_unclosed(account)]


def _unread(account: Account) -> Iterator[str]:
    by_role: dict[str, int] = {}
    for (role, _, _), left in account.positions.left().items():
        by_role[role] = by_role.get(role, 0) + left
    for role, left in sorted(by_role.items()):
        if left:
            yield f"{role} has {left} records to read"


def _unclosed(account: Account) -> Iterator[str]:
    wanted, closed, shards = expected_panes(account), set(), account.settings.partitions
    for key in account.told.closed:
        found = closed_key_of(key)
        closed.add((found.pane_start_ms, found.shard))
    if missing := len(wanted - closed):
        yield f"{missing} of {len(wanted)} panes are not closed (a pane in each of {shards} shards counts once)"
    behind = [
        start_ms
        for start_ms, shard in wanted
        if max(account.stats.steps.get(shard, ()), default=0) < start_ms + account.told.pane_ms
    ]
    if behind:
        yield f"stats have not come to the end of {len(behind)} panes"


def expected_panes(account: Account) -> set[tuple[int, int]]:
    """Return (start, shard) of every pane that holds an event counted for sure, and in time for windows for sure."""
    source, pane, series = parts_of(account.log.counted.table().codes)
    for perhaps, start in account.log.unwaited:
        waited = (source != perhaps) | (pane != start)
        source, pane, series = source[waited], pane[waited], series[waited]
    pairs = np.unique(np.column_stack((pane, series)), axis=0) if len(pane) else np.zeros((0, 2), np.int64)
    shards = [lineage_shards(name, account.settings.partitions) for name in account.series.listed]
    return {(start * account.told.pane_ms, shard) for start, number in pairs.tolist() for shard in shards[number]}


def lineage_shards(name: Series, shards: int) -> set[int]:
    """Return the shards of a series and of what it is rolled up into."""
    above = {name, Series(name.environment, name.service, ""), Series(name.environment, "", "")}
    return {shard_of(one, shards) for one in above}
