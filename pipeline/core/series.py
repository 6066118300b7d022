"""What is watched: a series, its roll-ups, and the shard that owns it."""

from __future__ import annotations

import zlib
from typing import NamedTuple

OVERFLOW = "__overflow__"
"""The operation (or service) name under which series beyond the cap are counted together."""


class Series(NamedTuple):
    """Identity of one watched series.

    `dimensions` is a sorted ``name=value`` list joined by commas, empty by default. A roll-up over a service has an
    empty operation; a roll-up over everything has an empty service too.
    """

    environment: str
    service: str
    operation: str
    dimensions: str = ""

    @property
    def rollup(self) -> str:
        """What the series is over: ``operation``, ``service`` or ``overall``."""
        if self.operation:
            return "operation"
        return "service" if self.service else "overall"

    def label(self) -> str:
        """The series as people write it: ``prod/checkout/pay``, ``prod/checkout``, ``prod``."""
        name = "/".join(part for part in (self.environment, self.service, self.operation) if part) or "(all)"
        return f"{name}{{{self.dimensions}}}" if self.dimensions else name


def shard_of(series: Series, shards: int) -> int:
    """Return the shard in ``[0, shards)`` that owns a series; stable across processes, releases and machines."""
    return zlib.crc32("\x1f".join(series).encode()) % shards
