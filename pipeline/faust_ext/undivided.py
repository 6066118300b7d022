"""Work that is done to its end, or as if it had never begun: for whoever commits what it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType


class Undivided:
    """A lock. When the work that it guards is cut short, by an error or because the worker stops, `forget` is called.

    Such work may have taken records out of memory that nobody acknowledged. The next commit, from a timer or at the
    worker's end, would pass them: so the owner must forget what it holds, and commit nothing until it is restored.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        self._lock = asyncio.Lock()
        self._forget = forget

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._forget()
        self._lock.release()
