"""The watch's process: reads, folds, samples; answers what its parent asks over a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import time
from multiprocessing.connection import Connection

from faults.verdict.account import Account, read_topics
from faults.verdict.commit_log import OFFSETS_TOPIC
from faults.verdict.reader import Reader
from faults.verdict.sampler import Sampler
from faults.verdict.settling import unsettled
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

log = logging.getLogger(__name__)

READ_SECONDS = 0.4
"""Between two reads, so that batches are large. Less than half of what `lateness` takes for a pause."""
_FULL = 5_000


def run(settings: Settings, parent: Connection, log_path: str) -> None:
    """Watch until the parent says stop, or is gone."""
    logging.basicConfig(filename=log_path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    gc.set_threshold(100_000, 50, 100)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_Child(settings, parent).run())


class _Child:
    def __init__(self, settings: Settings, parent: Connection) -> None:
        self._settings = settings
        self._parent = parent
        self._account = Account.of(settings)
        self._reader = Reader(settings, read_topics(topics_of(settings)), later=(OFFSETS_TOPIC,))
        self._sampler = Sampler(settings, self._reader)
        self._account.positions = self._sampler.positions

    async def run(self) -> None:
        """Read and answer."""
        await ensure_topics(self._settings)
        sampling = asyncio.create_task(self._sampler.run())
        try:
            self._parent.send("ready")
            while not self._parent.poll() or await self._answer(self._parent.recv()):
                began = time.monotonic()
                if await self._read() < _FULL:
                    await asyncio.sleep(max(0.05, began + READ_SECONDS - time.monotonic()))
        except (EOFError, BrokenPipeError):
            log.info("the parent is gone")
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
            await self._reader.stop()

    async def _answer(self, question: str) -> bool:
        if question == "stop":
            return False
        self._account.taken_ms = time.time_ns() // 1_000_000
        await self._read_to_end()
        await self._sampler.look()
        if question == "unsettled":
            self._parent.send(unsettled(self._account))
        else:
            self._account.complaints = list(self._reader.complaints)
            self._account.cost = _cost()
            self._parent.send(self._account)
        return True

    async def _read_to_end(self) -> None:
        ends = await self._reader.ends()
        while any(self._reader.read_to.get(tp, 0) < end for tp, end in ends.items()):
            await self._read()

    async def _read(self) -> int:
        found = await self._reader.read(timeout_ms=200)
        seen_ms = time.time_ns() // 1_000_000
        count = 0
        for tp, records in found.items():
            if records:
                self._account.take(tp.topic, tp.partition, records, seen_ms)
                count += len(records)
                await asyncio.sleep(0)
        return count


def _cost() -> dict[str, float]:
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_seconds": round(time.process_time(), 1), "greatest_memory_mb": round(memory_mb)}
