"""Notices that a rules file was changed, and waits until nobody is in the middle of writing it."""

from __future__ import annotations

from pathlib import Path

LOOK_MS = 1_000

Stamp = tuple[int, int, int] | None


class FileWatch:
    """Tells whether a file is another than the last time: when it is the same again at the look after.

    A file that is being written may well be sound so far, and lack the rules that are to follow. One that is gone is
    another one too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._seen = _stamp(path)
        self._looked_ms: int | None = None

    def has_changed(self, now_ms: int) -> bool:
        """Look, at most once a second. True once for each change."""
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_MS:
            return False
        self._looked_ms = now_ms
        before, self._seen = self._seen, _stamp(self._path)
        if self._seen != before or self._seen == self._known:
            return False
        self._known = self._seen
        return True


def _stamp(path: Path) -> Stamp:
    """Return what is other once a file was written or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
