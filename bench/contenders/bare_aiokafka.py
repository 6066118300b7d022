"""The limit: aiokafka hands over batches of records, and nothing is done with them."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.contenders.meter import Meter


async def main() -> None:
    """Fetch every record of the topic once."""
    meter = Meter(int(os.environ["BENCH_EVENTS"]), Path(os.environ["BENCH_REPORT"]))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=os.environ["BENCH_KAFKA"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        parts = [TopicPartition(os.environ["BENCH_TOPIC"], n) for n in range(int(os.environ["BENCH_PARTITIONS"]))]
        consumer.assign(parts)
        while meter.seen < meter.limit:
            found = await consumer.getmany(timeout_ms=1_000, max_records=8_000)
            for batch in found.values():
                meter.saw(len(batch))
    finally:
        await consumer.stop()


if __name__ == "__main__":
    gc.disable()  # no contender could be faster than this
    asyncio.run(main())
