"""Broken: the evaluator adds a newer snapshot of a slot to the older one, instead of putting it in its place."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.core.open_panes import Change, OpenPane
from pipeline.core.records import Snapshot


def break_it(patch: Callable[[object, str, object], None] = setattr) -> None:
    replace = OpenPane.apply

    def apply(self: OpenPane, snapshot: Snapshot, offset: int) -> Change | None:
        # As if every version were a source of its own.
        alone = msgspec.structs.replace(snapshot, source=f"{snapshot.source}@{snapshot.version}")
        return replace(self, alone, offset)

    patch(OpenPane, "apply", apply)


if __name__ == "__main__":
    from pipeline.cli.main import main

    break_it()
    main()
