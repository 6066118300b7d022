"""Broken: an aggregator keeps the state of partitions that others own by now, and goes on with it when they come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from faust.types import TP

from pipeline.aggregator.owner import Aggregator
from pipeline.core.source import SourcePartition


def break_it(patch: Callable[[object, str, object], None] = setattr) -> None:
    restore = Aggregator.restore
    kept: WeakKeyDictionary[Aggregator, dict[TP, SourcePartition]] = WeakKeyDictionary()

    async def restore_and_keep(
        self: Aggregator, committed: Mapping[TP, Any], begins: Mapping[TP, int], generation: int
    ) -> Mapping[TP, int]:
        departed = kept.setdefault(self, {})
        departed |= self.partitions
        await restore(self, committed, begins, generation)
        self.partitions |= {tp: departed[tp] for tp in committed if tp in departed}
        return {tp: partition.next_offset for tp, partition in self.partitions.items()}

    patch(Aggregator, "restore", restore_and_keep)


if __name__ == "__main__":
    from pipeline.cli.main import main

    break_it()
    main()
