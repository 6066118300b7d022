"""A lock on a folder, held by one process at a time and let go by the kernel when that process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class FolderLock:
    """An advisory lock on the file `path`. What its holder writes there tells others who holds it.

    The file stays when the lock is let go: removing it would let two processes hold two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock, if need be after waiting for its holder; return whether it is held. Raises OSError."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._descriptor = descriptor
        self.tell(f"process {os.getpid()}")
        return True

    def tell(self, text: str) -> None:
        """Write what others read in `holder`."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)

    def holder(self) -> str:
        """Return what the present or the last holder wrote."""
        return self.path.read_text(errors="replace").strip() or "another process"

    def release(self) -> None:
        """Let go, if held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire(wait=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
