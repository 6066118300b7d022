"""Checks of every commit at the moment at which it is made."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from faust.types import TP

from pipeline.core import commit_state, records
from pipeline.core.block import unpack
from pipeline.core.records import Snapshot
from pipeline.core.series import Series
from pipeline.core.window_config import decode_state
from pipeline.evaluator import commit
from tests.model.broker import Committed
from tests.model.tally import Place, counted_in
from tests.model.world import World


class InvariantError(AssertionError):
    """An invariant that does not hold; `check` is its name."""

    def __init__(self, check: str, found: object) -> None:
        self.check = check
        super().__init__(f"{check}: {found}")


def require(check: str, found: object, *, holds: bool) -> None:
    if not holds:
        raise InvariantError(check, found)


class CommitWatch:
    """Looks at what the broker has when a commit comes in, and at the commit before it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._finals: defaultdict[tuple[str, int, Series], int] = defaultdict(lambda: -1)  # greatest version
        self._late: set[Place] = set()
        self._dead: set[Place] = set()
        self._read: dict[TP, int] = {}
        self._before: dict[TP, dict[str, int]] = {}
        world.broker.groups["aggregator"].watchers.append(self.on_aggregator)
        world.broker.groups["evaluator"].watchers.append(self.on_evaluator)

    def on_aggregator(self, tp: TP, found: Committed) -> None:
        state = commit_state.decode(found.metadata)
        self._never_back(
            tp,
            offset=found.offset,
            position=state.position,
            watermark_ms=state.watermark_ms,
            closed_through_ms=state.closed_through_ms,
            operations=state.operations,
            errors=state.errors,
            late=state.late,
            dead=state.dead,
        )
        self._learn()
        self._below_offset_is_final(tp, found.offset)
        self._below_position_adds_up(tp, state)

    def on_evaluator(self, tp: TP, found: Committed) -> None:
        if tp.topic != self._world.topics.panes:
            self._never_back(tp, offset=found.offset)
            return
        state = decode_state(commit.decode(found.metadata).engine)
        self._never_back(
            tp,
            offset=found.offset,
            watermark_ms=state.watermark_ms,
            frontier_ms=state.frontier_ms,
            emitted_ms=state.emitted_ms,
            settled_offset=state.settled_offset,
            late_rounds=state.late_rounds,
        )

    def _never_back(self, tp: TP, **values: int | None) -> None:
        before = self._before.setdefault(tp, {})
        for name, value in values.items():
            known = before.get(name)
            if known is not None:
                require("never back", f"{name} of {tp} from {known} to {value}", holds=(value or 0) >= known)
            if value is not None:
                before[name] = value

    def _below_offset_is_final(self, tp: TP, offset: int) -> None:
        """Everything below a committed offset is in a final snapshot, or was late, or dead, and said so."""
        safe_to = self._before[tp].get("safe_to", 0)
        for one in counted_in(self._world.truth.below(tp, offset, safe_to)):
            if one.place in self._late:
                continue
            for series in one.rollups:
                version = self._finals[one.source, one.pane_ms, series]
                what = f"offset {offset} of {tp} was committed; {one.place} ({series.label()}) is in no final snapshot"
                require("held back", what, holds=version >= one.offset)
        self._before[tp]["safe_to"] = max(offset, safe_to)

    def _below_position_adds_up(self, tp: TP, state: commit_state.CommitState) -> None:
        source = f"{tp.topic}-{tp.partition}"
        below = self._world.truth.below(tp, state.position)
        dead = [
            (record.source, record.offset, -1 if record.whole else index)
            for record in below
            for index, element in enumerate(record.elements)
            if element.kind == "dead"
        ]
        late = sum(place[0] == source and place[1] < state.position for place in self._late)
        expected = (len(list(counted_in(below))) - late, late, len(dead))
        found = (state.operations + state.errors, state.late, state.dead)
        what = f"(counted, late, dead) of {tp} below {state.position}: {found} were committed, {expected} were told"
        require("totals", what, holds=found == expected)
        require("told before commit", f"dead letters of {tp}", holds=self._dead.issuperset(dead))

    def _learn(self) -> None:
        """Read what has come to the topics since the last time."""
        topics = self._world.topics
        for topic, take in ((topics.panes, self._on_panes), (topics.late, self._on_late), (topics.dead, self._on_dead)):
            for number in range(self._world.broker.partitions[topic]):
                tp = TP(topic, number)
                log = self._world.broker.logs[tp]
                for record in log.read(self._read.get(tp, 0), 10**6):
                    take(record.value or b"")
                self._read[tp] = log.end

    def _on_panes(self, value: bytes) -> None:
        found = records.decode(value)
        if isinstance(found, Snapshot) and found.final:
            for series in unpack(found.block).series:
                key = (found.source, found.pane_start_ms, series)
                self._finals[key] = max(self._finals[key], found.version)

    def _on_late(self, value: bytes) -> None:
        found = records.decode_late(value)
        self._late |= {(found.source, *place) for place in zip(found.offsets, found.indexes, strict=True)}

    def _on_dead(self, value: bytes) -> None:
        self._dead.add(dead_place(msgspec.json.decode(value)))


def dead_place(letter: dict[str, Any]) -> Place:
    """Return the identity in a dead letter; -1 stands for the whole record."""
    index = letter.get("index")
    return (f"{letter['topic']}-{letter['partition']}", letter["offset"], -1 if index is None else index)
