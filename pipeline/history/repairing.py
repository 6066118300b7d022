"""Slots made anew from raw rows, late events included, and the roll-ups of closed hours made anew from slots.

A slot that differs is written again with its number of repairs raised by one, which wins over whatever was there and
over the stream's own snapshots when a lander lands those again; a slot that no raw row makes is written empty. What is
right is left alone. So repairing again changes nothing, and a repair that died half-way is finished by the next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from pipeline.core.block import ADDITIVE
from pipeline.history.buckets import BUCKET_ENDS
from pipeline.history.comparing import DIFFERS, paired, paired_in_full, slot_sides
from pipeline.history.cut import Cut
from pipeline.history.expected_slots import Rows, Span
from pipeline.history.findings import Compared
from pipeline.history.rollup_check import Hour, hours, rollup_compared
from pipeline.history.slot_check import SETTINGS, differing_panes, rows_of, slot_differences
from pipeline.history.slot_columns import EXTREMES, FINGERPRINTS, NONE_YET, SERIES, VECTORS, listed
from pipeline.history.survey import chunks, load_of, unsettled
from pipeline.history.verifying import Asked, Tell, span_of
from pipeline.lander.roll_up import LEVELS, Level, roll_up
from pipeline.settings import Settings

_PANES_AT_ONCE = 30
_UNTIL_YOUNGER_SECONDS = 1.1
"""The lander looks at times in whole seconds: roll-ups must be younger than the slots that they are made of."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to repair: a client that may write, settings that name the database, and how far it is settled."""

    client: Client
    settings: Settings
    cut: Cut
    dry_run: bool

    @property
    def database(self) -> str:
        """The database."""
        return self.settings.database


def repair(place: Place, asked: Asked, tell: Tell) -> Compared:
    """Repair a range; return what was compared and what was, or in a dry run would be, changed."""
    span = span_of(place.client, place.database, asked, place.settings, time.time_ns() // 1_000_000)
    total = Compared(left_out=unsettled(place.client, place.database, span, place.cut))
    load = load_of(place.client, place.database, span)
    all_rows, done = sum(one.rows for one in load), 0
    tell("slots", 0, all_rows)
    for part, rows_there in chunks(load, span.pane_ms):
        total += _slots(place, part, asked.most - len(total.differences))
        done += rows_there
        tell("slots", done, all_rows)
    if total.total_differing and not place.dry_run:
        time.sleep(_UNTIL_YOUNGER_SECONDS)
    return total + _rollups(place, span, asked.most - len(total.differences), tell)


def _slots(place: Place, span: Span, most: int) -> Compared:
    client, database, cut = place.client, place.database, place.cut
    rows = rows_of(client, database, span, late="all")
    compared, wrong = differing_panes(client, database, span, cut, rows)
    total = replace_differing(compared, {})
    for some in _runs(sorted(wrong), span.pane_ms):
        differences = slot_differences(client, database, some, cut, rows, most) if most > 0 else []
        most -= len(differences)
        total += Compared(differing=_kinds(place, some, rows), differences=differences)
        if not place.dry_run:
            client.command(_written(place, some, rows), cut.parameters(), settings=SETTINGS)
    return total


def replace_differing(compared: Compared, differing: dict[str, int]) -> Compared:
    """Return the same with other counts of what differs."""
    return Compared(compared.counts, differing, compared.left_out, compared.differences)


def _runs(starts_ms: Sequence[int], pane_ms: int) -> Iterator[Span]:
    """Yield spans of neighbouring panes, at most `_PANES_AT_ONCE` each."""
    run: list[int] = []
    for start_ms in starts_ms:
        if run and (start_ms != run[-1] + pane_ms or len(run) == _PANES_AT_ONCE):
            yield Span(run[0], run[-1] + pane_ms, pane_ms)
            run = []
        run.append(start_ms)
    if run:
        yield Span(run[0], run[-1] + pane_ms, pane_ms)


def _kinds(place: Place, span: Span, rows: Rows) -> dict[str, int]:
    """Return how many slots are made, emptied and corrected, and how many late events are counted by those."""
    found = place.client.query(
        f"""{BUCKET_ENDS}
        SELECT countIf(is_expected AND NOT alive_), countIf(NOT is_expected), countIf(is_expected AND alive_),
            sumIf(late_, service = '' AND operation = '')
        FROM ({paired(slot_sides(place.database, span, rows, FINGERPRINTS))}) WHERE {DIFFERS}""",
        place.cut.parameters(),
        settings=SETTINGS,
    ).result_rows[0]
    names = ("slots made", "slots emptied", "slots corrected", "late events counted")
    return {name: int(number) for name, number in zip(names, found, strict=True) if number}


def _written(place: Place, span: Span, rows: Rows) -> str:
    """Return the statement that writes the slots of a span that differ."""
    counts = listed(f"if(is_expected, expected.{at + 1}, 0)" for at in range(len(ADDITIVE)))
    after = len(ADDITIVE) + 1
    extremes = listed(f"if(is_expected, expected.{after + at}, {NONE_YET[name]})" for at, name in enumerate(EXTREMES))
    vectors = listed(f"expected.{after + len(EXTREMES) + at}" for at in range(len(VECTORS.names)))
    shard = f"CRC32(arrayStringConcat([{listed(SERIES)}], char(31))) % {place.settings.partitions}"
    return f"""
        INSERT INTO {place.database}.slots_log (
            pane_start, pane_seconds, {listed(SERIES)}, source, epoch, version, final, repaired, late, shard, part,
            {listed(VECTORS.columns)}, received_at
        )
        {BUCKET_ENDS}
        SELECT fromUnixTimestamp64Milli(pane_ms, 'UTC'), {span.pane_ms // 1_000}, {listed(SERIES)}, source, epoch,
            last_offset_, true, repaired_ + 1, late_, if(is_found, shard_, {shard}), part_,
            {counts}, {extremes}, {vectors}, fromUnixTimestamp64Milli(received_ms_, 'UTC')
        FROM ({paired_in_full(slot_sides(place.database, span, rows, VECTORS))}) WHERE {DIFFERS}
        SETTINGS async_insert = 0"""


def _rollups(place: Place, span: Span, most: int, tell: Tell) -> Compared:
    there = hours(place.client, place.database, span)
    ours = [hour for hour in there if hour.is_ours]
    total = Compared(left_out={"hours of roll-ups": len(there) - len(ours)})
    tell("roll-ups", 0, len(ours))
    for done, hour in enumerate(ours, start=1):
        for level in LEVELS:
            total += _rollup(place, hour, level, most - len(total.differences))
        tell("roll-ups", done, len(ours))
    return total


def _rollup(place: Place, hour: Hour, level: Level, most: int) -> Compared:
    """Make one roll-up of an hour anew if it is wrong; if it is right and older than its slots, too, which says so."""
    compared = rollup_compared(place.client, place.database, hour.span, level, most)
    wrong = compared.total_differing
    if wrong and not place.dry_run:
        # The one that counts more wins among roll-ups, so one that counts too much has to go first.
        place.client.command(f"DELETE FROM {place.database}.{level.table} WHERE {hour.span.holds('pane_start')}")
    if (wrong or not hour.is_fresh) and not place.dry_run:
        roll_up(place.client, place.settings, hour.span.from_ms, hour.span.to_ms, [level])
    return replace_differing(compared, {"roll-ups made anew": wrong} if wrong else {})
