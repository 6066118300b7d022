"""A Faust table whose writes are acknowledged before they count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faust
from faust.types import TP

from pipeline.faust_ext.producer import Outgoing

FENCE_KEY = b"fence"


class DurableTable(faust.Table):  # type: ignore[misc]  # faust is untyped
    """A plain table of bytes by bytes.

    `write` names the partition itself, so that it works outside of a stream (ticks), and returns when the changelog has
    the records. A stock table only logs a failed changelog write.
    """

    mundane_level = "debug"  # at which mode tells of starting and stopping

    def outgoing(self, partition: int, items: Mapping[bytes, bytes | None]) -> list[Outgoing]:
        """Return the changelog records for items; None deletes."""
        topic = self.changelog_topic_name
        return [Outgoing(topic, partition, key, value) for key, value in items.items()]

    async def write(self, partition: int, items: Mapping[bytes, bytes | None]) -> None:
        """Set or (None) delete keys: first in the changelog, acknowledged, then in memory."""
        await self.app.producers.deliver(self.outgoing(partition, items))
        self.apply(items)

    def apply(self, items: Mapping[bytes, bytes | None]) -> None:
        """Set or delete keys in memory only: what the changelog has already."""
        store: dict[bytes, Any] = self.data.data
        for key, value in items.items():
            if value is None:
                store.pop(key, None)
            else:
                store[key] = value

    def fence(self, partition: int) -> Outgoing:
        """Return a changelog record that changes nothing: it deletes a key that is never there."""
        return Outgoing(self.changelog_topic_name, partition, FENCE_KEY, None)

    def changelog(self, partition: int) -> TP:
        """Return where the records of a partition are kept."""
        return TP(self.changelog_topic_name, partition)

    def forget(self, keys: list[bytes]) -> None:
        """Drop keys of a departed partition from memory; the changelog keeps them for the next owner."""
        for key in keys:
            self.data.data.pop(key, None)
