"""Which exits of workers a fault explains. What is not explained is a finding."""

from __future__ import annotations

from collections.abc import Iterable

from faults.crew import Exit
from faults.facts import Fault

GRACE_MS = 45_000
"""A worker may notice what happened only when a request times out, after 30 s."""

_ALL = ("aggregator", "evaluator", "lander")
EXPLAINS: dict[str, tuple[str, ...]] = {
    # Without Kafka a worker may leave rather than wait; its supervisor starts it again.
    "kill_kafka": _ALL,
    "kafka_frozen": _ALL,
    "kafka_unreachable": _ALL,
    "kafka_disk_full": _ALL,
    "produce_fails": _ALL,
}
"""Fault → roles that may leave because of it. A zombie may leave when it wakes up. ClickHouse explains nothing."""


def unexplained(exits: Iterable[Exit], faults: Iterable[Fault]) -> list[Exit]:
    """Return the exits that no fault explains."""
    done = list(faults)
    return [one for one in exits if not any(_explains(fault, one) for fault in done)]


def _explains(fault: Fault, one: Exit) -> bool:
    if not fault.began_ms <= one.at_ms <= fault.ended_ms + GRACE_MS:
        return False
    if fault.name == "zombie" and fault.target == one.worker:
        return True
    return one.worker.rpartition("-")[0] in EXPLAINS.get(fault.name, ())
