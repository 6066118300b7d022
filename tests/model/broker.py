"""Kafka as the agents see it: logs with offsets and holes, and consumer groups that refuse commits of the past."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from faust.types import TP

from pipeline.faust_ext.producer import Outgoing
from tests.model.clock import ModelClock


class Stored(NamedTuple):
    """One record as aiokafka hands it out. `timestamp` is LogAppendTime."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Committed(NamedTuple):
    offset: int
    metadata: str


@dataclass
class Log:
    """One partition. `end` is the next offset: more than the last record's and one after a hole."""

    records: list[Stored] = field(default_factory=list)
    end: int = 0

    def append(self, timestamp: int, key: bytes | None, value: bytes | None) -> Stored:
        stored = Stored(self.end, timestamp, key, value)
        self.records.append(stored)
        self.end += 1
        return stored

    def read(self, offset: int, at_most: int) -> list[Stored]:
        start = bisect_left(self.records, (offset,))
        return self.records[start : start + at_most]

    def newest_by_key(self) -> dict[bytes, bytes]:
        """What compaction leaves."""
        newest = {record.key or b"": record.value for record in self.records}
        return {key: value for key, value in newest.items() if value is not None}


CommitWatcher = Callable[[TP, Committed], None]


class Group:
    """A consumer group. Only a member of the present generation may commit."""

    def __init__(self) -> None:
        self.generation = 0
        self.members: set[str] = set()
        self.committed: dict[TP, Committed] = {}
        self.watchers: list[CommitWatcher] = []

    def commit(self, member: str, generation: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        if generation != self.generation or member not in self.members:
            return False
        for tp, value in offsets.items():
            found = Committed(*value)
            for watch in self.watchers:
                watch(tp, found)
            self.committed[tp] = found
        return True


class Broker:
    """All topics and groups."""

    def __init__(self, clock: ModelClock) -> None:
        self.clock = clock
        self.logs: defaultdict[TP, Log] = defaultdict(Log)
        self.partitions: dict[str, int] = {}
        self.groups: defaultdict[str, Group] = defaultdict(Group)
        self._epochs: Counter[int] = Counter()  # of the producers of shards
        self._newest: dict[TP, int] = {}  # epoch that a partition has a record of

    def make(self, topic: str, partitions: int) -> None:
        self.partitions[topic] = partitions

    def append(self, tp: TP, key: bytes | None, value: bytes | None) -> Stored:
        assert tp.partition < self.partitions[tp.topic], f"{tp} does not exist"
        return self.logs[tp].append(self.clock.now_ms, key, value)

    def next_epoch(self, shard: int) -> int:
        """Somebody takes the producer's name of a shard."""
        self._epochs[shard] += 1
        return self._epochs[shard]

    def append_of_epoch(self, tp: TP, epoch: int, record: Outgoing) -> bool:
        """Take a record, unless the partition has one of a later owner of its shard's name."""
        if self._newest.get(tp, 0) > epoch:
            return False
        self._newest[tp] = epoch
        self.append(tp, record.key, record.value)
        return True

    def of(self, topic: str) -> list[tuple[TP, Stored]]:
        """Every record of a topic, by partition in order."""
        tps = [TP(topic, number) for number in range(self.partitions[topic])]
        return [(tp, record) for tp in tps for record in self.logs[tp].records]
