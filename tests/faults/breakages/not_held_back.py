"""Broken: the aggregator commits its position, not the first offset of its open panes."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.core.source import Checkpoint, SourcePartition


def break_it(patch: Callable[[object, str, object], None] = setattr) -> None:
    def checkpoint(self: SourcePartition) -> Checkpoint:
        return Checkpoint(self.progress.position, self.progress)

    patch(SourcePartition, "checkpoint", checkpoint)


if __name__ == "__main__":
    from pipeline.cli.main import main

    break_it()
    main()
