"""Events for the benchmarks: single operation events as JSON, about 228 bytes each."""

from __future__ import annotations

import json
import random

PARTITIONS = 8
SERVICES = 20
FAILURE_RATIO = 0.02
JITTER_MS = 1_000
"""How far event times are out of order within a partition: half of what the pipeline waits for by default."""

_ENDINGS = 49_999  # a prime: every ending meets every partition


class EventMaker:
    """Makes events of `series` operations of 20 services; the same ones for the same seed.

    Everything but id and time is made once for 49,999 events and then repeated, so that making events costs little of
    the machine that is measured.
    """

    def __init__(self, series: int, seed: int = 1, failure_ratio: float = FAILURE_RATIO) -> None:
        rng = random.Random(seed)
        self.series = series
        self.made = 0
        self._endings = [
            (_ending(rng, number % series, failure_ratio), rng.randrange(JITTER_MS)) for number in range(_ENDINGS)
        ]
        rng.shuffle(self._endings)

    def make(self, until_ms: int) -> bytes:
        """Return the next event; it happened at most a second before `until_ms`."""
        number = self.made
        self.made = number + 1
        ending, jitter_ms = self._endings[number % _ENDINGS]
        return b'{"type":"operation","event_id":"e%010d","timestamp_ms":%d,%b' % (number, until_ms - jitter_ms, ending)


def _ending(rng: random.Random, series: int, failure_ratio: float) -> bytes:
    failed = rng.random() < failure_ratio
    fields = {
        "service": f"service-{series % SERVICES:02d}",
        "operation": f"operation-{series // SERVICES:03d}",
        "duration_ms": round(rng.lognormvariate(3, 1), 3),
        "success": not failed,
        "status_code": 500 if failed else 200,
        "user_id": f"u{rng.randrange(10**6):06d}",
        "request_id": f"{rng.getrandbits(64):016x}",
    }
    return json.dumps(fields, separators=(",", ":")).encode()[1:]
