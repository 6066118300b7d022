"""Broken: the aggregator commits first, and sends the final snapshots that the commit has passed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.aggregator.owner import Aggregator
from pipeline.core import records
from pipeline.core.records import Snapshot
from pipeline.faust_ext.producer import Outgoing


class Postponing:
    """A producer that keeps final snapshots back until `deliver_now`."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._kept: list[Outgoing] = []

    async def deliver(self, outgoing: Iterable[Outgoing]) -> None:
        everything = list(outgoing)
        self._kept += [record for record in everything if _is_final(record)]
        await self._producer.deliver([record for record in everything if not _is_final(record)])

    async def deliver_now(self) -> None:
        await self._producer.deliver(self._kept)


def _is_final(record: Outgoing) -> bool:
    if not record.topic.endswith("panes"):
        return False
    found = records.decode(record.value or b"")
    return isinstance(found, Snapshot) and found.final


class App:
    """The aggregator's app while it settles."""

    def __init__(self, app: Any) -> None:
        self.consumer = app.consumer
        self.producer = Postponing(app.producer)


def break_it(patch: Callable[[object, str, object], None] = setattr) -> None:
    settle = Aggregator._settle

    async def postponing_settle(self: Aggregator, now_ms: int) -> None:
        app, self.app = self.app, App(self.app)
        postponed = self.app.producer
        try:
            await settle(self, now_ms)
        finally:
            self.app = app
        await postponed.deliver_now()

    patch(Aggregator, "_settle", postponing_settle)


if __name__ == "__main__":
    from pipeline.cli.main import main

    break_it()
    main()
