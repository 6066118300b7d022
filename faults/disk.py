"""Disks that get full: a small file system in memory where root can mount one, else a limit on the size of files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

import psutil

_ROOM_BYTES = 256 * 1024
_TRIES = 200
_LIMIT_BYTES = 64 * 1024


class Disk(Protocol):
    """A server's data folder, as a disk of its own."""

    name: str

    def fill(self, pid: int) -> None:
        """Let the server with this pid write nothing more."""
        ...

    def free(self, pid: int | None) -> None:
        """Let it write again; None: it has ended."""
        ...


class MemoryDisk:
    """A file system in memory; full when it is made as small as what it holds."""

    name = "a file system in memory"

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._size_bytes = size_bytes
        folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={size_bytes}", "fault-machine", str(folder))

    def fill(self, pid: int) -> None:
        """Leave it room for a few small files and no more."""
        del pid
        for left in reversed(range(_TRIES)):
            try:
                self._resize(shutil.disk_usage(self._folder).used + _ROOM_BYTES)
            except OSError:  # the server has written more meanwhile
                if not left:
                    raise
            else:
                return

    def free(self, pid: int | None) -> None:
        """Give it its size back."""
        del pid
        self._resize(self._size_bytes)

    def unmount(self) -> None:
        """Take it away with all that it holds, also while somebody still has files there."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=False, capture_output=True)

    def _resize(self, size_bytes: int) -> None:
        _mount("-o", f"remount,size={size_bytes}", str(self._folder))


class FileLimit:
    """Files can't grow past a small size: the server's writes fail as on a full disk, with another error."""

    name = "a limit on the size of files"

    def fill(self, pid: int) -> None:
        """Let no file grow past 64 KiB."""
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LIMIT_BYTES, hard))

    def free(self, pid: int | None) -> None:
        """Take the limit away; a server that is started again never had it."""
        if pid is not None and psutil.pid_exists(pid):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def memory_disk(folder: Path, size_bytes: int) -> MemoryDisk | None:
    """Return a mounted disk; None where this user can't mount, or memory is too small for it."""
    if os.geteuid() != 0 or psutil.virtual_memory().available < 3 * size_bytes:
        return None
    try:
        return MemoryDisk(folder, size_bytes)
    except OSError:
        return None


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")
