"""A log file that can't fill the disk: beyond a size it becomes `.1`, and so on, and the oldest goes."""

from __future__ import annotations

from collections import deque
from pathlib import Path

LIMIT_BYTES = 10 * 1024 * 1024
KEPT = 3
_TAIL_LINES = 15


class BoundedLog:
    """Appends bytes to `path`; never more than ``(KEPT + 1) * limit_bytes`` on disk. Remembers the last lines."""

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._unfinished = b""
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append, after making room."""
        if self._file.tell() + len(chunk) > self._limit_bytes:
            self._rotate()
        self._file.write(chunk)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        self._unfinished = self._unfinished[-4096:]
        self._tail.extend(line.decode(errors="replace") for line in lines if line.strip())

    def tail(self) -> list[str]:
        """The last lines written since this log was opened, at most 15."""
        last = self._unfinished.decode(errors="replace").strip()
        return [*self._tail, *([last] if last else [])]

    def forget(self) -> None:
        """Begin the tail anew, for a process that was started again."""
        self._tail.clear()
        self._unfinished = b""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT, 0, -1):
            older = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{number}"))
        self._file = self.path.open("ab", buffering=0)
