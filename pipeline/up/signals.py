"""Ctrl-C and SIGTERM for a command that owns other processes: the first stops things in order, the second at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

import psutil


def run_until_signalled(work: Coroutine[Any, Any, None]) -> int:
    """Run `work` and return the exit code: 0 when it ended by itself or by SIGTERM, 130 for Ctrl-C.

    The first signal cancels `work`, whose own clean-up then runs. The second kills every child process and leaves.
    """
    return asyncio.run(_run(work))


async def _run(work: Coroutine[Any, Any, None]) -> int:
    task = asyncio.ensure_future(work)
    told: list[int] = []

    def on_signal(number: int) -> None:
        if told:
            _kill_everything(128 + number)
        told.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal, number)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
    return 130 if told == [signal.SIGINT] else 0


def _kill_everything(code: int) -> None:
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(code)
