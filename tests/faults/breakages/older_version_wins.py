"""Broken: of two snapshots of a slot the evaluator takes the one with the smaller version."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.core.open_panes import Change, OpenPane
from pipeline.core.records import Snapshot


def break_it(patch: Callable[[object, str, object], None] = setattr) -> None:
    compare = OpenPane.apply

    def apply(self: OpenPane, snapshot: Snapshot, offset: int) -> Change | None:
        return compare(self, msgspec.structs.replace(snapshot, version=-snapshot.version), offset)

    patch(OpenPane, "apply", apply)


if __name__ == "__main__":
    from pipeline.cli.main import main

    break_it()
    main()
