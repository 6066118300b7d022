"""The consumer loop: fetch, gather, land a batch while the next one gathers, commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, RebalanceInProgressError

from pipeline.lander.batch import Batch, Gathering
from pipeline.lander.contents import Unusable, read_contents
from pipeline.lander.dead_letters import send_dead_letters
from pipeline.lander.inserter import Inserter
from pipeline.lander.rebalance import Ownership
from pipeline.lander.rows import Rows
from pipeline.settings import Settings
from pipeline.topics import topics_of

MEMORY_BYTES = 640 * 1024 * 1024
"""What a lander's process takes at most, however long ClickHouse is away and however much waits in Kafka.

145 MB for Python and the libraries; 48 MiB that were fetched and not taken (`kafka_clients.FETCH_BYTES_IN_ALL`, and an
answer on its way); a batch that lands and the two lanes in which the next ones gather, each `batch.MAX_BYTES` of values
and about 1 kB for each of 50,000 records; and the one that lands again as rows, as Arrow and as the body of an insert:
about 200 MB. That makes 580 MB; measured were 300 MB while ClickHouse was away, and up to 550 MB while a backlog
landed. More than 1,000 series take more (4,000 with five open panes at 8 sources, all in one batch: 1.1 GB), as do
`PIPELINE_BATCH_ROWS` above 50,000 and records that were packed more than ten times as small.
"""
LAND_ON_SECONDS = 5.0
"""In a rebalance, how long the batch that is landing may take to be committed.

Else members that join and leave every few seconds would stop all progress: each rebalance would let a batch go.
"""
PATIENCE_SECONDS = 30.0
"""How long a full batch waits for the one before it until partitions are paused: pausing drops what aiokafka has
fetched ahead, which would have to be fetched again for every batch of a backlog."""
_POLL_MS = 50
_LOST_OWNERSHIP = (CommitFailedError, IllegalStateError, RebalanceInProgressError)

log = logging.getLogger(__name__)


class Loop:
    """One lander's state: what gathers, and at most one batch that is landing.

    So memory is bounded (`MEMORY_BYTES`), however long ClickHouse is away. `counts` has rows by table since the start,
    and `refused` (the aggregator's dead letters), `landing` (ours) and `malformed headers`.
    """

    def __init__(
        self, settings: Settings, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, inserter: Inserter
    ) -> None:
        self.ownership = Ownership(self._drop)
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._consumer = consumer
        self._producer = producer
        self._inserter = inserter
        self._gathering = self._nothing()
        self._landing: asyncio.Task[None] | None = None
        self._full_since_s: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Land batches until `stop` is set, then what has gathered; that last one only if ClickHouse takes it soon."""
        while not stop.is_set():
            await self._fetch()
            await self._launch()
        await self._finish()

    def _nothing(self) -> Gathering[TopicPartition]:
        settings = self._settings
        return Gathering(topics_of(settings).panes, settings.batch_rows, settings.batch_ms)

    async def _fetch(self) -> None:
        ownership = self.ownership
        if not await ownership.check(self._consumer):
            return
        generation = ownership.generation
        full = self._gathering.is_full()
        self._full_since_s = (self._full_since_s or time.monotonic()) if full else None
        if self._full_since_s is not None and time.monotonic() - self._full_since_s < PATIENCE_SECONDS:
            await asyncio.sleep(_POLL_MS / 1_000)
            return
        self._pause(paused=full)
        # Polled even when everything is paused: a consumer that stops polling is put out of its group.
        fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._gathering.room())
        if generation == ownership.generation:
            self._gathering.add(fetched, _now_ms())
        else:
            await self._read_again(fetched)

    async def _read_again(self, partitions: Iterable[TopicPartition]) -> None:
        """Seek to what is committed: a poll that outlasts a rebalance returns, and has passed, the first records after.

        They can't be told from those before, and whatever had gathered was dropped.
        """
        for partition in self._consumer.assignment() & set(partitions):
            committed = await self._consumer.committed(partition)
            with suppress(IllegalStateError):  # it has been taken away meanwhile
                if committed is None:
                    await self._consumer.seek_to_beginning(partition)
                else:
                    self._consumer.seek(partition, committed)

    def _pause(self, *, paused: bool) -> None:
        if paused:
            self._consumer.pause(*(self._consumer.assignment() - self._consumer.paused()))
        elif self._consumer.paused():
            self._consumer.resume(*self._consumer.paused())

    async def _launch(self) -> None:
        """Start to land what has gathered, if it is due and nothing else is landing."""
        if self._landing is not None:
            if not self._landing.done():
                return
            landing, self._landing = self._landing, None
            await landing
        if batch := self._gathering.take(_now_ms()):
            self._landing = asyncio.create_task(self._land(batch))

    async def _land(self, batch: Batch[TopicPartition]) -> None:
        contents = await asyncio.to_thread(read_contents, batch.records, self._settings)
        refused = await asyncio.gather(*map(self._land_rows, contents.rows))
        unusable = contents.unusable + [one for some in refused for one in some]
        self.counts["landing"] += await send_dead_letters(self._producer, unusable, self._settings)
        self.counts["refused"] += contents.refused
        self.counts["malformed headers"] += contents.malformed
        try:
            await self._consumer.commit(batch.next_offsets)
        except _LOST_OWNERSHIP as error:
            log.info("partitions moved while a batch landed; it will be read again, which changes nothing: %s", error)

    async def _land_rows(self, rows: Rows) -> list[Unusable]:
        refusals = await self._inserter.land(rows)
        self.counts[rows.table.name] += rows.length - len(refusals)
        return [Unusable(rows.origin_of(refusal.row), refusal.detail) for refusal in refusals]

    async def _drop(self) -> None:
        """Let go of everything that is not committed, after a while in which what is landing may still be."""
        self._gathering = self._nothing()
        landing, self._landing = self._landing, None
        if landing is not None:
            await _end(landing, LAND_ON_SECONDS)

    async def _finish(self) -> None:
        """Land the rest; give up after a while, because whatever has not landed is still in Kafka."""
        landing, self._landing = self._landing, None
        patience_s = self._settings.stop_seconds / 4
        landed = landing is None or await _end(landing, patience_s)
        if landed:
            landed = await _end(asyncio.create_task(self._land_rest()), patience_s)
        if not landed:
            log.warning("ClickHouse did not take the last batch in time: the next start reads it again")

    async def _land_rest(self) -> None:
        for batch in self._gathering.rest():
            await self._land(batch)


async def _end(landing: asyncio.Task[None], seconds: float) -> bool:
    """Return whether a batch has landed within this time; it is cancelled if not. Raises what it raised."""
    try:
        await asyncio.wait((landing,), timeout=seconds)
    finally:
        landing.cancel()
    with suppress(asyncio.CancelledError):
        await landing
    return not landing.cancelled()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
