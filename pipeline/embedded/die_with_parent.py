"""Becomes another program that the kernel kills when its parent dies: ``die_with_parent.py PARENT_PID PROGRAM ARG…``.

Run as a script of its own, before the program, because code between fork and exec is not safe in a process with
threads. Where the kernel has no such service (macOS) the program simply runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, command: list[str]) -> None:
    """Ask for the signal, make sure that the parent still lives, and become `command`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent_pid:
            sys.exit(f"the parent, process {parent_pid}, is gone")
    os.execv(command[0], command)  # noqa: S606 - the command comes from the parent, no shell takes part


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
