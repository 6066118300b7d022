"""The batch consumer: fetched batches in, held-back commits with metadata out.

What is bent, and why (each held by a test):

- `getmany` yields one message per partition and fetch (speed). It reads no changelogs: owners read their tables.
- Source partitions are read only after `perform_seek` of the present generation: stock Faust fetches during recovery
  and its streams silently skip what arrives then.
- Offsets of batch topics are committed by their owner alone, with metadata, never because a message was acked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol

from aiokafka.errors import (
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from pipeline.epochs import remade_message
from pipeline.errors import BlockedError
from pipeline.faust_ext.batch import Batch, message_of
from pipeline.kafka_answers import refuse_failed_answers
from pipeline.membership import watch_partitions

log = logging.getLogger(__name__)

FETCH_MAX_WAIT_MS = 50
"""How long the broker may hold a fetch for more data. Faust's own 1500 delays each partition whose turn has passed."""

COMMIT_AGAIN_SECONDS = 0.1


class Owner(Protocol):
    """Who holds the state of batch partitions and says where reading starts and what may be committed."""

    async def restore(
        self, committed: Mapping[TP, OffsetAndMetadata | None], begins: Mapping[TP, int], generation: int
    ) -> Mapping[TP, int]:
        """Take over partitions; return for each where to read on from. `begins` has their earliest offsets."""


class BatchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # faust is untyped
    """aiokafka's consumer in its own thread, with the settings that Faust fixes."""

    mundane_level = "debug"  # at which mode tells of starting and stopping

    def _create_worker_consumer(self, transport: Any) -> Any:
        refuse_failed_answers()
        consumer = super()._create_worker_consumer(transport)
        watch_partitions(consumer, self.app.batch_topics)
        # Read when the consumer starts; Faust offers no setting for them.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer

    async def commit_with_metadata(self, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """Commit in the consumer's thread; False when the group has moved on and nothing was committed."""
        return bool(await self.call_thread(self._commit_with_metadata, generation, offsets))

    async def _commit_with_metadata(self, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001
        wanted = {TopicPartition(*tp): OffsetAndMetadata(*value) for tp, value in offsets.items()}
        while True:
            await coordinator.ensure_coordinator_known()
            async with coordinator._commit_lock:  # noqa: SLF001
                # Right before each attempt: aiokafka's own commit tries again under whatever generation it is in by
                # then, also under none, which the broker takes from anyone while the group is empty.
                if coordinator.generation != generation or not wanted.keys() <= consumer.assignment():
                    return False
                try:
                    await coordinator._do_commit_offsets(None, wanted)  # noqa: SLF001 - the assignment is unused
                except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError):
                    return False
                except KafkaError as error:
                    if not error.retriable:
                        raise
                else:
                    return True
            await asyncio.sleep(COMMIT_AGAIN_SECONDS)

    async def committed(self, tps: Iterable[TP]) -> dict[TP, OffsetAndMetadata | None]:
        """Return offset and metadata that the group has committed, None where there is none."""
        wanted = [TopicPartition(*tp) for tp in tps]
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - committed() keeps the metadata to itself
        found = await self.call_thread(coordinator.fetch_committed_offsets, wanted)
        return {
            TP(*tp): found[tp] if tp in found and found[tp].offset >= 0 else None  # -1: none
            for tp in wanted
        }


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # faust is untyped
    """Faust's consumer with batches for the topics named in `app.batch_topics`."""

    mundane_level = "debug"  # at which mode tells of starting and stopping

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner: Owner = self.app.owner
        self.batch_topics: Mapping[str, int] = self.app.batch_topics
        self._next_fetch: dict[TP, int] = {}  # where the next batch of each partition must start
        self._dropped: set[TP] = set()  # fetched but not delivered: to be read again
        self._seeked_generation: int | None = None
        self._seeks = 0  # grows with each seek: what was fetched across one may lie anywhere
        self._assigned_in = 0  # the rebalance that the present assignment came from

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's shape
        ready = self.app.flow_control.is_active() and self._seeked_generation == self.app.consumer_generation_id
        wanted = {tp for tp in active_partitions or () if tp.topic in self.batch_topics}
        if not ready or not wanted:
            await asyncio.sleep(0.05)
            return {}
        return await self._thread.getmany(wanted, timeout)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's shape
        """Yield one message per fetched partition."""
        await self._read_dropped_again()
        generation, seeks = self.app.consumer_generation_id, self._seeks
        records, active = await self._wait_next_records(timeout)
        if not records or self.should_stop:
            return
        self._dropped.update(records)
        for tp, found in records.items():
            if self._seeks != seeks or self._is_stale(tp, generation, active):
                continue
            batch = Batch(tp, generation, self._next_fetch.get(tp, found[0].offset), found)
            self._next_fetch[tp] = batch.next_offset
            self._dropped.discard(tp)
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            self._read_offset[tp] = None  # or Faust drops, silently, what is read again below it
            yield tp, message_of(batch)

    def _is_stale(self, tp: TP, generation: int, active: set[TP] | None) -> bool:
        if not self.flow_active or self.app.consumer_generation_id != generation:
            return True
        return bool(active is not None and tp not in active and tp not in self._buffered_partitions)

    async def _read_dropped_again(self) -> None:
        again = {tp: self._next_fetch[tp] for tp in self._dropped & self.assignment() if tp in self._next_fetch}
        self._dropped.clear()
        if again:
            await self._seek_if_ours(again)

    async def _seek_all(self, offsets: Mapping[TP, int]) -> None:
        """Read on from these offsets. Noted before the seek, so that what is fetched around it is known as dropped."""
        self._seeks += 1
        self._next_fetch |= {tp: offset for tp, offset in offsets.items() if tp.topic in self.batch_topics}
        try:
            await self._thread.seek_wait(offsets)
        finally:
            self._seeks += 1

    async def _seek_if_ours(self, offsets: Mapping[TP, int]) -> None:
        try:
            await self._seek_all(offsets)
        except IllegalStateError as error:  # the next assignment seeks anyway
            log.info("partitions moved before they could be read again: %s", error)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note which rebalance this assignment came from."""
        self._assigned_in = self.app.rebalancing_count
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Let the owner restore its partitions, and read on from where it says.

        Does nothing once another rebalance has begun: its owner has let go, and must not write before the next one.
        """
        generation = self.app.consumer_generation_id
        mine = {tp for tp in self.assignment() if tp.topic in self.batch_topics}
        committed = await self._thread.committed(mine)
        ends = await self.highwaters(*mine) if mine else {}
        begins = await self.earliest_offsets(*mine) if mine else {}
        refuse_remade_topics(committed, {TP(*tp): end for tp, end in ends.items()})
        if self.app.rebalancing_count != self._assigned_in:
            return
        seeks = await self.owner.restore(committed, {TP(*tp): begin for tp, begin in begins.items()}, generation)
        self._next_fetch.clear()
        self._dropped.clear()
        if seeks:
            await self._seek_all(seeks)
        self._seeked_generation = generation

    def stay_in_group(self) -> None:
        """Tell aiokafka that this process lives, at least every few minutes.

        It takes one that fetches nothing, because it has no partitions or takes over for long, for one that hangs; it
        leaves the group then and never joins again. Whether something hangs is for the watchdog to say.
        """
        consumer = self._thread._consumer  # noqa: SLF001
        if consumer is not None:
            consumer._subscription._last_fetch_ended = time.monotonic()  # noqa: SLF001

    async def rewind(self, tp: TP, offset: int) -> None:
        """Read a partition again from `offset`: something on the way to its agent was skipped."""
        self._dropped.discard(tp)
        await self._seek_if_ours({tp: offset})

    async def commit_with_metadata(self, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """Commit offset and metadata of batch partitions; False when the group has moved on meanwhile."""
        return bool(await self._thread.commit_with_metadata(generation, offsets))

    def next_fetch(self, tp: TP) -> int | None:
        """The offset after everything that was delivered to the agent's stream; None while there is more in hand."""
        return None if tp in self._dropped else self._next_fetch.get(tp)

    def at_end(self, tp: TP, within_ms: int, now_ms: int) -> bool:
        """Whether a partition was read to its end, as a fetch answered within the last `within_ms` says."""
        subscription = self._thread._ensure_consumer()._subscription.subscription  # noqa: SLF001
        assignment = subscription.assignment if subscription else None
        if assignment is None or TopicPartition(*tp) not in assignment.tps:
            return False
        state = assignment.state_value(TopicPartition(*tp))
        if not state.has_valid_position or state.lso is None or not state.timestamp:
            return False
        return bool(state.position >= state.lso and now_ms - state.timestamp <= within_ms)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        for tp in list(self._acked):
            if tp.topic in self.batch_topics:  # committed by the owner
                self._acked[tp].clear()
                self._acked_index[tp].clear()
            elif topics is None or tp in topics or tp.topic in topics:
                yield tp

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.batch_topics:
            await super()._add_gap(tp, offset_from, offset_to)


def refuse_remade_topics(committed: Mapping[TP, OffsetAndMetadata | None], ends: Mapping[TP, int]) -> None:
    """Raise BlockedError when a group has committed beyond a partition's end: the topic was deleted and made again."""
    for tp, found in committed.items():
        if found is not None and found.offset > ends.get(tp, found.offset):
            raise BlockedError(
                remade_message(
                    f"{tp.topic}-{tp.partition} ends at offset {ends[tp]}, but offset {found.offset} was committed"
                )
            )
