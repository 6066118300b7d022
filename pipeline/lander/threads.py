"""Threads for calls that may never return: none of them keeps the process alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class LooseThreads(Executor):
    """A pool as ThreadPoolExecutor is one, but of daemon threads.

    Python waits for ThreadPoolExecutor's threads, and asyncio for those of `to_thread`, before the process ends: one
    that waits for a server that never answers would hold it. What runs here must bear being cut off.
    """

    def __init__(self, count: int, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return the future of a call, which runs as soon as a thread is free."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Executor's
        """Let each thread end when it is done with its call. Nothing is waited for, whatever `wait` says."""
        del wait
        while cancel_futures and not self._calls.empty():
            if waiting := self._calls.get():
                waiting[0].cancel()
        for _ in range(self._count):
            self._calls.put(None)

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """Run one call; False at the end. A function of its own, so that a thread that waits keeps nothing alive."""
        if (taken := self._calls.get()) is None:
            return False
        future, call = taken
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
                future.set_exception(error)
            finally:
                del taken, future, call  # the error's traceback holds this frame
        return True


async def in_loose_thread(name: str, call: Callable[..., T], *args: Any) -> T:
    """Return what a call returns that runs in a thread of its own; cancelled, it is left to itself."""
    threads = LooseThreads(1, name)
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, call, *args)
    finally:
        threads.shutdown()
