"""An evaluator that is stopped (SIGSTOP) after it has asked whether its shard is its own, and before it writes.

It has decided early then, so that whoever decides later decides otherwise.

With UNFENCED=1 its producers have no names, so that Kafka does not know an earlier owner's from a later one's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.cli.main import main
from pipeline.faust_ext.shard_producers import ShardProducers
from pipeline.faust_ext.table import DurableTable

write = DurableTable.write


async def stop_and_write(self: DurableTable, partition: int, items: Mapping[bytes, bytes | None]) -> None:
    asleep = Path(os.environ["PIPELINE_HOME"]) / "asleep"
    early = any(b'"last_decided":"early"' in (value or b"") for value in items.values())
    if early and os.environ["PIPELINE_WORKER_ID"] == "evaluator-1" and not asleep.exists():
        asleep.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    await write(self, partition, items)


async def nameless(self: ShardProducers, _: str) -> Any:
    producer = self._app.producer.make_producer()
    await producer.start()
    return producer


if __name__ == "__main__":
    setattr(DurableTable, "write", stop_and_write)  # noqa: B010 - the type checker would mind, and be right
    if "UNFENCED" in os.environ:
        setattr(ShardProducers, "_started", nameless)  # noqa: B010
    main()
