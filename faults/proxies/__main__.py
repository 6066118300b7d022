"""Both proxies in a process of their own, so that nothing that the machine does slows the workers down.

``python -m faults.proxies KAFKA_PORT KAFKA_TARGET CLICKHOUSE_PORT CLICKHOUSE_TARGET``; then a line on stdin for each
change, such as ``kafka refuse``, answered with the same line. It ends when stdin does.
"""

from __future__ import annotations

import asyncio
import sys

from faults.proxies.http import HttpMode, HttpProxy
from faults.proxies.tcp import TcpMode, TcpProxy
from pipeline.embedded.ports import LOOPBACK


async def _serve(ports: list[int]) -> None:
    kafka = TcpProxy(LOOPBACK, ports[0], ports[1])
    clickhouse = HttpProxy(LOOPBACK, ports[2], ports[3])
    await kafka.start()
    await clickhouse.start()
    _say("ready")
    loop = asyncio.get_running_loop()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        which, _, mode = line.partition(" ")
        if which == "kafka":
            kafka.set_mode(TcpMode(mode))
        else:
            clickhouse.mode = HttpMode(mode)
        _say(line)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve([int(port) for port in sys.argv[1:]]))
