"""A server whose parent was killed and that still runs, or is still dying, when the next one starts."""

from __future__ import annotations

from pathlib import Path

import psutil

_GONE_LIMIT_SECONDS = 10


def remember(pid_file: Path, pid: int) -> None:
    """Write down which process to look for at the next start."""
    pid_file.write_text(str(pid))


def kill_leftover(pid_file: Path, argument: str) -> None:
    """Kill the process that `remember` wrote down, if it still has `argument` on its command line; wait until gone.

    Call it only while holding the lock of the folder: then nobody looks after that process any more.
    """
    try:
        process = psutil.Process(int(pid_file.read_text()))
        if argument in process.cmdline():
            process.kill()
            process.wait(_GONE_LIMIT_SECONDS)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.ZombieProcess):
        return
