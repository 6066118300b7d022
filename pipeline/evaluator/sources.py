"""Which source partitions there are: every partition of the topics of events, more of which may be added."""

from __future__ import annotations

from typing import Any

from pipeline.topics import Topics

LOOK_MS = 5_000


class Sources:
    """The names of all source partitions, as Kafka's metadata has them."""

    def __init__(self, topics: Topics) -> None:
        self.names: frozenset[str] = frozenset()
        self._topics = topics
        self._looked_ms: int | None = None

    def is_old(self, now_ms: int) -> bool:
        """Return whether it is time to look again."""
        return self._looked_ms is None or now_ms - self._looked_ms > LOOK_MS

    async def look(self, app: Any, now_ms: int) -> bool:
        """Learn how many partitions there are now; return whether there are more than before."""
        self._looked_ms = now_ms
        before, found = self.names, set[str]()
        for topic in (self._topics.operations, self._topics.errors):
            found |= {f"{topic}-{number}" for number in await app.producer.partitions_for(topic)}
        self.names = frozenset(found)
        return self.names != before
