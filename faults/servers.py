"""The machine's own Kafka and ClickHouse: on lasting ports, behind proxies, to be killed, frozen and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from faults.disk import Disk, FileLimit, MemoryDisk, memory_disk
from faults.ports import lasting_port
from faults.proxies.child import Proxies
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.embedded.kafka_config import SecondListener
from pipeline.embedded.ports import LOOPBACK
from pipeline.errors import FatalError
from pipeline.settings import Settings

_KEEP_ALL = {
    "log.retention.bytes": "-1",  # the verdict reads everything
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000",
}
_START_TRIES = 3


class Server:
    """One of the two servers; all that blocks runs in a thread. `disk` holds its data."""

    def __init__(self, name: str, server: EmbeddedKafka | EmbeddedClickHouse, disk: Disk) -> None:
        self.name = name
        self.disk = disk
        self._hands = 0  # faults that have it in their hands
        self._server = server

    @property
    def pid(self) -> int:
        """Of the running server."""
        pid = self._server.pid
        assert pid is not None, f"{self.name} does not run"
        return pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        if isinstance(self._server, EmbeddedKafka):
            return self._server.running
        return self._server.pid is not None and self._server.exit_code is None

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """While the body runs the server may be down."""
        self._hands += 1
        try:
            yield
        finally:
            self._hands -= 1

    def assert_alive(self) -> None:
        """Raise FatalError when it has ended by itself."""
        if not self._hands and not self.running:
            raise FatalError(f"The machine's {self.name} has ended by itself, and no fault explains it.")

    async def start(self) -> None:
        """Start it where it was, with the data that it had."""
        for left in reversed(range(_START_TRIES)):
            try:
                await asyncio.to_thread(self._server.start)
            except FatalError:
                if not left:
                    raise
                await asyncio.sleep(1)
            else:
                return

    async def kill(self) -> None:
        """Kill -9."""
        await asyncio.to_thread(self._server.kill)

    async def stop(self) -> None:
        """Stop it in order."""
        await asyncio.to_thread(self._server.stop)

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)


class Servers:
    """Both servers and the proxies before them.

    `direct` has the addresses of the servers themselves, `behind` those of the proxies, which the workers are given.
    """

    def __init__(self, home: Path, settings: Settings, disk_bytes: int) -> None:
        self.mounted: list[MemoryDisk] = []
        self._kafka_logs = home / "kafka" / "logs"
        kafka_port, second, kafka_proxy = lasting_port(), lasting_port(), lasting_port()
        clickhouse_port, clickhouse_proxy = lasting_port(), lasting_port()
        kafka_home, clickhouse_home = home / "kafka", home / "clickhouse"
        self.direct = settings.model_copy(
            update={
                "home": home,
                "kafka": f"{LOOPBACK}:{kafka_port}",
                "clickhouse": f"http://{LOOPBACK}:{clickhouse_port}",
            }
        )
        self.behind = self.direct.model_copy(
            update={"kafka": f"{LOOPBACK}:{kafka_proxy}", "clickhouse": f"http://{LOOPBACK}:{clickhouse_proxy}"}
        )
        self.kafka = Server(
            "kafka",
            EmbeddedKafka(
                settings.model_copy(update={"home": kafka_home, "kafka_port": kafka_port}),
                Console(stderr=True),
                second=SecondListener(second, kafka_proxy),
                changed=_KEEP_ALL,
            ),
            self._disk(kafka_home, disk_bytes),
        )
        self.clickhouse = Server(
            "clickhouse",
            EmbeddedClickHouse(
                settings.model_copy(update={"home": clickhouse_home, "clickhouse_port": clickhouse_port})
            ),
            self._disk(clickhouse_home / "clickhouse", disk_bytes),
        )
        self.proxies = Proxies((kafka_proxy, second), (clickhouse_proxy, clickhouse_port), home / "proxies.log")

    async def start(self) -> None:
        """Start the servers, then the proxies."""
        await asyncio.gather(self.kafka.start(), self.clickhouse.start())
        await self.proxies.start()

    async def end(self) -> None:
        """Kill everything and unmount the disks: nothing of a run is needed after its verdict."""
        self.proxies.kill()
        await asyncio.gather(self.kafka.kill(), self.clickhouse.kill())
        if self.mounted:
            shutil.copytree(self._kafka_logs, self.direct.home / "logs" / "kafka", dirs_exist_ok=True)
        for disk in self.mounted:
            disk.unmount()

    def _disk(self, folder: Path, size_bytes: int) -> Disk:
        disk = memory_disk(folder, size_bytes)
        if disk is None:
            return FileLimit()
        self.mounted.append(disk)
        return disk
