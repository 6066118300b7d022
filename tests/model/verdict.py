"""Checks of everything that was said, once a run has come to rest. Each has a name."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from pipeline.core import commit_state, records
from pipeline.core.alert_state import ACTIVE
from pipeline.core.block import unpack
from pipeline.core.closed_pane import decode_closed
from pipeline.core.records import Snapshot
from pipeline.core.series import Series
from pipeline.core.window_config import decode_state
from pipeline.evaluator import commit
from pipeline.evaluator.keys import closed_key_of
from schemas.structs import Alert, AlertDecision
from tests.model.tally import PANE_MS, Place, Slots, Tally, counted_in, late_by_the_log, rows_of
from tests.model.watch import dead_place, require
from tests.model.windows import check_long_windows, check_windows
from tests.model.world import NEVER_IDLE_MS, World

LONGEST_EPISODE_MS = 440_000
"""So long after its last transition an alert has ended, whatever the rule: the longest hold and window."""

MOMENTS_AGO_MS = 20_000
"""What sources have closed only just now, evaluators may not have closed yet."""


class Said:
    """What a run has left on its topics."""

    def __init__(self, world: World) -> None:
        self.world = world
        topics = world.topics
        self.snapshots = [
            found for found in map(records.decode, self.values(topics.panes)) if isinstance(found, Snapshot)
        ]
        self.late = self._late()
        self.slots = Slots(world.truth, self.late)
        self.alerts = [msgspec.json.decode(value, type=Alert) for value in self.values(topics.alerts)]

    def values(self, topic: str) -> list[bytes]:
        return [record.value or b"" for _, record in self.world.broker.of(topic)]

    def _late(self) -> set[Place]:
        notices = map(records.decode_late, self.values(self.world.topics.late))
        return {(each.source, *place) for each in notices for place in zip(each.offsets, each.indexes, strict=True)}

    def newest(self) -> dict[tuple[str, int, int, int], Snapshot]:
        """The newest snapshot of every slot's part."""
        newest: dict[tuple[str, int, int, int], Snapshot] = {}
        for each in self.snapshots:
            key = (each.source, each.pane_start_ms, each.shard, each.part)
            known = newest.get(key)
            if known is None or (each.version, each.final) > (known.version, known.final):
                newest[key] = each
        return newest


def one_content(check: str, pairs: Iterable[tuple[Hashable, object]]) -> dict[Hashable, object]:
    """Require that everything with one identity has one content; return what there is."""
    known: dict[Hashable, object] = {}
    for identity, content in pairs:
        other = known.setdefault(identity, content)
        require(check, f"{identity} has two contents:\n{other!r}\n{content!r}", holds=other == content)
    return known


def nothing_broke(said: Said) -> None:
    require("workers live", said.world.broken, holds=not said.world.broken)


def every_snapshot_is_the_log_up_to_its_version(said: Said) -> None:
    for each in said.snapshots:
        for series, found in rows_of(unpack(each.block)).items():
            expected = said.slots.at((each.source, each.pane_start_ms, series), each.version)
            what = f"{each.source}, pane {each.pane_start_ms}, {series.label()}, version {each.version}"
            require("snapshots", f"{what}: {found}, in the log {expected}", holds=found == expected)


def newest_snapshots_cover_the_log(said: Said) -> None:
    found: dict[tuple[str, int, Series], Tally] = {}
    for each in said.newest().values():
        rows = rows_of(unpack(each.block))
        found |= {(each.source, each.pane_start_ms, series): tally for series, tally in rows.items()}
    expected = said.slots.newest()
    wrong = {key: (found.get(key), expected.get(key)) for key in found.keys() | expected.keys()}
    wrong = {key: pair for key, pair in wrong.items() if pair[0] != pair[1]}
    require("slots", wrong, holds=not wrong)


def late_is_what_the_log_says(said: Said) -> None:
    """Where no partition is idle, watermarks move by events alone, and anybody can tell what is late."""
    if said.world.plan.settings.idle_after_ms < NEVER_IDLE_MS:
        return
    expected: set[Place] = set()
    for each in said.world.truth.records.values():
        expected |= late_by_the_log(each)
    require("late", f"told {said.late}, by the log {expected}", holds=said.late == expected)


def dead_letters_are_told_once_each(said: Said) -> None:
    letters = [msgspec.json.decode(value) for value in said.values(said.world.topics.dead)]
    found = one_content("dead letters", ((dead_place(letter), letter) for letter in letters))
    expected = {
        (record.source, record.offset, -1 if record.whole else index)
        for each in said.world.truth.records.values()
        for record in each
        for index, element in enumerate(record.elements)
        if element.kind == "dead"
    }
    require("dead letters", found.keys() ^ expected, holds=found.keys() == expected)


def signals_are_told_once_each(said: Said) -> None:
    signals = [records.decode_signal(value) for value in said.values(said.world.topics.signals)]
    found = one_content("signals", (((each.source, each.offset, each.index), each) for each in signals))
    expected = {
        one.place
        for each in said.world.truth.records.values()
        for one in counted_in(each)
        if one.element.kind == "error" and one.element.severity == "critical"
    }
    require("signals", found.keys() ^ expected, holds=found.keys() == expected)


def closed_panes_are_the_log(said: Said) -> None:
    """Every pane is written to the table once, with the sum of its sources."""
    written = [
        (record.key or b"", record.value)
        for _, record in said.world.broker.of(said.world.topics.closed_panes)
        if record.value is not None
    ]
    one_content("closed panes", written)
    expected: defaultdict[tuple[int, Series], Tally] = defaultdict(Tally)
    for one in said.slots.events:
        for series in one.rollups:
            expected[one.pane_ms, series].add(one.element)
    missing = {start_ms for start_ms, _ in expected} - {closed_key_of(key).pane_start_ms for key, _ in written}
    through_ms = _closed_everywhere_ms(said.world) - MOMENTS_AGO_MS
    missing = {start_ms for start_ms in missing if start_ms + PANE_MS <= through_ms}
    require("closed panes", f"never closed: {missing}", holds=not missing)
    for key, value in dict(written).items():
        start_ms = closed_key_of(key).pane_start_ms
        for series, found in rows_of(decode_closed(value).block).items():
            what = f"pane {start_ms}, {series.label()}: {found}, in the log {expected[start_ms, series]}"
            require("closed panes", what, holds=found == expected[start_ms, series])


def _closed_everywhere_ms(world: World) -> int:
    """Panes that end at or before this are final at every source that was ever used."""
    committed = world.broker.groups["aggregator"].committed.items()
    found = [
        commit_state.decode(each.metadata).closed_through_ms for tp, each in committed if tp in world.truth.records
    ]
    return min((closed_ms for closed_ms in found if closed_ms is not None), default=0)


def stats_are_the_log(said: Said) -> None:
    check_windows(said.values(said.world.topics.stats), said.slots.events)
    check_long_windows(said.values(said.world.topics.long_stats), said.slots.events, said.world.plan.settings)


def alerts_are_whole(said: Said) -> None:
    """One content per (alert_id, sequence), no sequence left out, and an end for whatever fires."""
    one_content("alert contents", (((each.alert_id, each.sequence), each) for each in said.alerts))
    episodes: defaultdict[str, dict[int, Alert]] = defaultdict(dict)
    for each in said.alerts:
        episodes[each.alert_id][each.sequence] = each
    emitted_ms = _emitted_everywhere_ms(said.world)
    held_ms = _held_by_signals_ms(said)
    for alert_id, found in episodes.items():
        numbers = sorted(found)
        what = f"{alert_id} ({found[numbers[0]].rule}) has {numbers}"
        require("alert sequences", what, holds=numbers == list(range(1, len(numbers) + 1)))
        last = found[numbers[-1]]
        over = last.rule in ("silent", "gone") or last.state not in ACTIVE
        due = max(last.step_end_ms, held_ms.get(alert_id, 0)) + LONGEST_EPISODE_MS <= emitted_ms
        require("alerts end", f"{alert_id} ({last.rule}) ends {last.state}", holds=over or not due)


def _held_by_signals_ms(said: Said) -> dict[str, int]:
    """Return by alert when it was last signalled again: no transition, and yet its hold begins anew."""
    found: dict[str, int] = {}
    for one in (msgspec.json.decode(value, type=AlertDecision) for value in said.values(said.world.topics.decisions)):
        if one.alert_id is not None and one.reason == "REPEATED":
            found[one.alert_id] = max(found.get(one.alert_id, 0), one.step_end_ms)
    return found


def every_transition_has_its_reason(said: Said) -> None:
    """One content per decision that changed something, and one decision for each transition."""
    values = said.values(said.world.topics.decisions)
    changes = [one for one in (msgspec.json.decode(value, type=AlertDecision) for value in values) if one.notice]
    one_content("decision contents", ((each.decision_id, each) for each in changes))
    told = {(each.alert_id, each.sequence) for each in changes}
    due = {(each.alert_id, each.sequence) for each in said.alerts}
    require("reasons", f"without a reason {due - told}, without an alert {told - due}", holds=told == due)


def _emitted_everywhere_ms(world: World) -> int:
    """Steps that end at or before this were looked at in every shard."""
    committed = world.broker.groups["evaluator"].committed.items()
    states = [
        decode_state(commit.decode(each.metadata).engine) for tp, each in committed if tp.topic == world.topics.panes
    ]
    return min((state.emitted_ms or 0 for state in states), default=0)


def long_emitted_everywhere_ms(world: World) -> int:
    """The same of the long windows."""
    committed = world.broker.groups["evaluator"].committed.items()
    found = [commit.decode(each.metadata).long for tp, each in committed if tp.topic == world.topics.panes]
    return min((decode_state(state).emitted_ms or 0 if state else 0 for state in found), default=0)


COUNTING_CHECKS: tuple[Callable[[Said], None], ...] = (
    nothing_broke,
    every_snapshot_is_the_log_up_to_its_version,
    newest_snapshots_cover_the_log,
    late_is_what_the_log_says,
    dead_letters_are_told_once_each,
    signals_are_told_once_each,
)
WINDOW_CHECKS = (
    *COUNTING_CHECKS,
    closed_panes_are_the_log,
    stats_are_the_log,
    alerts_are_whole,
    every_transition_has_its_reason,
)


def judge(world: World) -> Said:
    """Check everything; raises InvariantError."""
    said = Said(world)
    for check in WINDOW_CHECKS if "evaluator" in world.plan.roles else COUNTING_CHECKS:
        check(said)
    return said


def alert_story(said: Said, rules: Iterable[str], through_ms: float = math.inf) -> list[tuple[Any, ...]]:
    """The alerts of some rules, as far as they do not depend on when a worker looked, up to a step."""
    wanted = set(rules)
    return sorted(
        (each.rule, each.series, each.episode, each.sequence, each.alert_id, each.state, each.severity, each.value,
         each.samples, each.step_end_ms, each.notify_reason)
        for each in {(each.alert_id, each.sequence): each for each in said.alerts}.values()
        if each.rule in wanted and each.step_end_ms <= through_ms
    )  # fmt: skip
