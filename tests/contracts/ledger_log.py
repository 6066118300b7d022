"""A log of numbered events with everything that can happen to them, and a plain account of what the ledger must say."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, NamedTuple

from pipeline.core import records as panes_records
from pipeline.core.records import LateEvents, encode_late
from pipeline.decode.ledger_header import HEADER
from schemas import structs
from schemas.structs import DeadHeader
from tests.contracts.kafka_records import NOW_MS, FakeRecord, error, operation, sample
from tests.contracts.snapshots import mark, marks
from tests.contracts.told_records import letter

Fate = Literal["counted", "late", "in flight", "dead"]
Boot = tuple[str, str]
FATES: tuple[Fate, ...] = ("counted", "late", "in flight", "dead")
"""The best first: of several records with one number the best fate is the event's."""
PARTITIONS = 3
EVENT_OF = {"events.operations": operation, "events.errors": error, "events.samples": sample}
IN_FLIGHT_FROM = 1_000_000
"""Offset from which the aggregator has not read."""


class Seen(NamedTuple):
    """One event of a boot in one record."""

    boot: Boot
    sequence: int
    fate: Fate
    received_ms: int
    timestamp_ms: int | None


@dataclass
class Log:
    """Records as Kafka would hold them, by topic, and every event in them."""

    records: dict[str, list[FakeRecord]] = field(default_factory=lambda: defaultdict(list))
    seen: list[Seen] = field(default_factory=list)
    offsets: dict[bool, count[int]] = field(default_factory=lambda: {False: count(), True: count(IN_FLIGHT_FROM)})

    def add(self, boot: Boot, first: int, fates: list[Fate], received_ms: int, *, topic: str, service: str) -> None:
        """Add a record whose elements are numbered from `first` on; a whole dead one is one letter."""
        offset = next(self.offsets["in flight" in fates])
        partition = offset % PARTITIONS
        timestamp_ms = received_ms - offset % 7_000
        many = f"/{len(fates)}" if len(fates) > 1 else ""
        ledger = f"{boot[0]}/{boot[1]}/{first}{many}".encode()
        about = {"timestamp_ms": timestamp_ms, "service": service, "environment": "prod"}
        whole = set(fates) == {"dead"}
        values = [EVENT_OF[topic](number, **about) if fate != "dead" else {} for number, fate in enumerate(fates)]
        body = json.dumps(values if len(values) > 1 else values[0]).encode()
        self.records[topic].append(
            FakeRecord(topic, offset, body, partition, received_ms, headers=((HEADER, ledger), ("other", b"1")))
        )
        for index, fate in enumerate(fates):
            if fate == "dead" and not (whole and index):
                headers = [DeadHeader(name="other"), DeadHeader(name=HEADER, value_base64=b64encode(ledger).decode())]
                refused = letter(
                    offset, index=None if whole else index, topic=topic, partition=partition,
                    append_time_ms=received_ms, headers=headers,
                )  # fmt: skip
                self._tell("events.dead", structs.encode(refused), received_ms)
            if fate == "late":
                late = LateEvents(1, f"{topic}-{partition}", [offset], [index], [timestamp_ms // 10_000 * 10_000])
                self._tell("events.late", encode_late(late), received_ms)
            time_ms = None if fate == "dead" else timestamp_ms
            self.seen.append(Seen(boot, first + index, fate, received_ms, time_ms))

    def _tell(self, topic: str, value: bytes, received_ms: int) -> None:
        self.records[topic].append(FakeRecord(topic, len(self.records[topic]), value, 0, received_ms + 200))

    def mark(self) -> None:
        """Tell how far the aggregator has read."""
        told = marks(
            *(mark(f"{topic}-{number}", position=IN_FLIGHT_FROM) for topic in EVENT_OF for number in range(PARTITIONS))
        )
        self._tell("panes", panes_records.encode(told), NOW_MS)


def random_log(seed: int) -> Log:
    """Return a log of some boots: events lost, late, dead, in arrays, repeated, out of order, over half an hour."""
    chance = random.Random(seed)
    log = Log()
    for boot in [("shop@a", "1"), ("shop@a", "2"), ("shop@b", "1"), ("till", "x")]:
        time_ms = NOW_MS - chance.randint(20, 40) * 60_000
        sequence = chance.choice([0, 0, 3])  # 3: the first three never came
        for _ in range(150):
            time_ms += chance.choice([0, 5, 400, 20_000])
            sequence += chance.choice([0] * 9 + [1, 4])  # so many are lost
            events = chance.choice([1, 1, 1, 2, 5])
            fates = _fates(chance, events)
            service = chance.choice(["checkout", "cart"])
            for again in range(chance.choice([1] * 12 + [2, 3])):
                received_ms = time_ms + chance.choice([0, 0, 90_000]) + again * chance.choice([0, 130_000])
                topic = chance.choice(list(EVENT_OF))
                log.add(boot, sequence, fates, received_ms, topic=topic, service=service)
                if again:
                    fates = _fates(chance, events)
            sequence += events
    log.mark()
    return log


def _fates(chance: random.Random, events: int) -> list[Fate]:
    if chance.random() < 0.05:
        return ["dead"] * events
    if chance.random() < 0.03:
        return ["in flight"] * events
    return [chance.choices(("counted", "late", "dead"), (90, 5, 5))[0] for _ in range(events)]


Numbers = Counter[str]


def account(
    seen: Iterable[Seen], from_ms: int, to_ms: int, settled_ms: int, *, by_event_time: bool = False
) -> dict[tuple[Boot, int], Numbers]:
    """Return the ledger by boot and minute, event by event: what the SQL has to say of the range."""
    by_boot: dict[Boot, dict[int, list[Seen]]] = defaultdict(lambda: defaultdict(list))
    for one in seen:
        by_boot[one.boot][one.sequence].append(one)
    found: dict[tuple[Boot, int], Numbers] = defaultdict(Counter)
    for boot, by_number in by_boot.items():
        before = -1
        for sequence in sorted(by_number):
            best, *others = sorted(by_number[sequence], key=lambda one: (FATES.index(one.fate), one.received_ms))
            hole, before = sequence - before - 1, sequence
            if from_ms <= _time_ms(best, by_event_time=by_event_time) < to_ms:
                numbers = found[boot, best.received_ms // 60_000 * 60_000]
                numbers["produced"] += 1 + hole
                numbers[best.fate] += 1
                numbers["lost" if best.received_ms < settled_ms else "in flight"] += hole
            for other in others:
                if other.fate != "dead" and from_ms <= _time_ms(other, by_event_time=by_event_time) < to_ms:
                    found[boot, other.received_ms // 60_000 * 60_000]["repeated"] += 1
    return {key: +numbers for key, numbers in found.items() if +numbers}


def _time_ms(one: Seen, *, by_event_time: bool) -> int:
    return one.timestamp_ms if by_event_time and one.timestamp_ms is not None else one.received_ms
