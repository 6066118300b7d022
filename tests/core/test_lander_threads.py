"""Threads for calls that may never return."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from pipeline.lander.threads import LooseThreads, in_loose_thread

HELD = """
import asyncio, threading
from pipeline.lander.threads import LooseThreads, in_loose_thread

async def main():
    begun = threading.Event()
    LooseThreads(2, "test").submit(lambda: begun.set() or threading.Event().wait())
    await asyncio.wait({asyncio.create_task(in_loose_thread("test", threading.Event().wait))}, timeout=0.1)
    assert begun.wait(10)

asyncio.run(main())
print("left")
"""


def test_a_call_that_never_returns_does_not_hold_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "left\n"


async def test_what_a_call_returns_or_raises_comes_back() -> None:
    assert await in_loose_thread("test", divmod, 17, 5) == (3, 2)
    with pytest.raises(ZeroDivisionError):
        await in_loose_thread("test", divmod, 17, 0)


def test_calls_that_have_not_begun_are_cancelled_at_the_end() -> None:
    threads, begun, release = LooseThreads(1, "test"), threading.Event(), threading.Event()

    def run() -> bool:
        begun.set()
        return release.wait(10)

    running, waiting = threads.submit(run), threads.submit(print)
    assert begun.wait(10)
    threads.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    release.set()
    assert running.result(10) is True


async def test_a_pool_serves_asyncio() -> None:
    threads = LooseThreads(2, "test")
    loop = asyncio.get_running_loop()
    assert await asyncio.gather(*(loop.run_in_executor(threads, abs, -n) for n in range(20))) == list(range(20))
    threads.shutdown()
