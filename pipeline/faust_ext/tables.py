"""Faust's table manager without its recovery: the owner of partitions reads their tables when it takes them over.

Only then can it be sure to read all: it has shut the partition's earlier owner out before (`shard_producers`). The
changelogs are not even subscribed to, or aiokafka would fetch them all the time.
"""

from __future__ import annotations

import logging
from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery


class PatientRecovery(Recovery):  # type: ignore[misc]  # faust is untyped
    """Waits for each step of a takeover as long as that takes: stock Faust ends without a word after 30 s."""

    logger = logging.getLogger("faust.tables.patient")  # its lines are about changelogs, which it does not read
    mundane_level = "debug"  # at which mode tells of starting and stopping

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ARG002, ASYNC109 - Faust's shape
        await super()._wait(coro)


class PipelineTables(TableManager):  # type: ignore[misc]  # faust is untyped
    """Starts tables and leaves their changelogs alone."""

    mundane_level = "debug"  # at which mode tells of starting and stopping

    _recovery: Recovery | None = None

    @property
    def recovery(self) -> Recovery:
        """The recovery service, which has no changelogs to read."""
        if self._recovery is None:
            self._recovery = PatientRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Start the tables, without the second that stock Faust waits first."""
        await self._update_channels()
        await self.recovery.start()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()
