"""Room on the disk for what is inserted.

chDB 4.4 acknowledges an insert that a full disk has cut off in the middle, and its rows are gone. So nothing is
inserted where little room is left, and nothing is acknowledged that may have been cut off.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.embedded.clickhouse_errors import NOT_ENOUGH_SPACE, ServerError

KEPT_FREE_BYTES = 256 * 1024 * 1024
_SHARE_OF_SMALL_DISKS = 16


@contextlib.contextmanager
def room_for_an_insert(folder: Path) -> Iterator[None]:
    """Insert inside of this. ServerError before, when the disk is nearly full, and after, when it has become so."""
    disk = shutil.disk_usage(folder)
    kept_free = min(KEPT_FREE_BYTES, disk.total // _SHARE_OF_SMALL_DISKS)
    _require(folder, disk.free, kept_free)
    yield
    _require(folder, shutil.disk_usage(folder).free, kept_free // 2)


def _require(folder: Path, free: int, wanted: int) -> None:
    if free < wanted:
        raise ServerError(
            NOT_ENOUGH_SPACE,
            f"Not enough space: {free >> 10} KiB are free on the disk of {folder}, {wanted >> 10} KiB are kept free. "
            "Nothing is inserted until there is room",
        )
