"""Ports of this machine: a free one, or proof that a chosen one is free."""

from __future__ import annotations

import errno
import socket

from pipeline.errors import FatalError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port that nobody listens on now; somebody else can take it before you do, so be ready to try again."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def assert_port_free(port: int, *, wanted_by: str, setting: str) -> None:
    """Raise FatalError, naming `setting` as the way out, when `wanted_by` could not listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            reason = "is taken by another program" if error.errno == errno.EADDRINUSE else f"can't be used: {error}"
            raise FatalError(
                f"{wanted_by} can't listen on {LOOPBACK}:{port}: the port {reason}. "
                f"Choose another with {setting}=PORT; 0 takes a free one."
            ) from error


def answers(host: str, port: int, timeout_seconds: float = 0.5) -> bool:
    """Tell whether somebody accepts connections at `host`:`port`."""
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False
