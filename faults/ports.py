"""Ports that are still there when a server comes back to them."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from pipeline.embedded.ports import LOOPBACK
from pipeline.errors import FatalError

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LEAST = 12_000
_TRIES = 200


def lasting_port() -> int:
    """Return a free port below those that the system gives to clients.

    While a server is down its clients keep connecting; one of them could be given the server's own port to connect
    from, and the server would find it taken.
    """
    first_of_clients = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    chosen = random.SystemRandom()
    for _ in range(_TRIES):
        port = chosen.randrange(_LEAST, max(first_of_clients, _LEAST + 1_000))
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise FatalError(f"No free port was found between {_LEAST} and {first_of_clients}, in {_TRIES} tries.")
