"""A worker's name in its consumer group: Kafka gives a member that comes back under its name what it had before."""

from __future__ import annotations

import zlib
from collections.abc import Iterable


def instance_id(worker_id: str, topics: Iterable[str]) -> str | None:
    """Return the name of a static member that reads these topics; None for a worker without an id, a dynamic member.

    The topics are part of it. A broker hands the partitions that it had to a member that comes back within its
    session, whatever it asks for now (KIP-345): after an upgrade it would get topics that it reads no more, and none
    of the new ones. Under another name it is another member.
    """
    return f"{worker_id}-{zlib.crc32(','.join(sorted(topics)).encode()):08x}" if worker_id else None
