"""One message per fetched partition: what lets Faust keep up.

Stock Faust makes four asyncio tasks for every record. Here a whole fetched batch travels as the value of one message,
so that cost is paid once in thousands of records; streams, acks, tables and rebalances go on working, for they key on
the message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import faust
from faust.types import TP
from faust.types.tuples import ConsumerMessage


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition.

    `fetched_from` is where reading went on after the batch before (or the seek): an agent whose position is less has
    missed something. Offsets inside may have holes (transactions, compaction) that are no loss.
    """

    tp: TP
    generation: int
    fetched_from: int
    records: Sequence[Any]  # aiokafka ConsumerRecord: offset, timestamp (ms), key, value, headers

    @property
    def next_offset(self) -> int:
        """The position after this batch."""
        return int(self.records[-1].offset) + 1


class BatchSchema(faust.Schema):  # type: ignore[misc]  # faust is untyped
    """Passes a batch through without decoding anything."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:
        """Return the decode function that Faust calls once per message."""
        create_event = app.create_event

        async def decode(message: ConsumerMessage, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust's shape
            return create_event(None, message.value, None, message)

        return decode


def message_of(batch: Batch) -> ConsumerMessage:
    """Return the batch as the one message that Faust sees; its offset is the last record's."""
    last = batch.records[-1]
    return ConsumerMessage(
        batch.tp.topic,
        batch.tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        None,
        None,
        batch,
        None,
        0,
        0,
        batch.tp,
        generation_id=batch.generation,
    )
