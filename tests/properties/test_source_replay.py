"""Phase 1's promise: the same snapshots for any batching and any restart, equal to counting one by one."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.block import COLUMN, Block, pack
from pipeline.core.columns import CANCELLED, FAILED, SeriesTable
from pipeline.core.records import Snapshot, encode
from pipeline.core.source import Closing, Progress, SourcePartition
from tests.properties.source_log import LIMITS, RULES, Event, Record, Tally, brute_force, columns

events = st.builds(
    Event,
    timestamp_ms=st.integers(10_000, 16_000),
    service=st.sampled_from(["shop", "auth"]),
    operation=st.sampled_from(["pay", "list", "login"]),
    duration_us=st.integers(0, 4_000_000),
    flags=st.sampled_from([0, 0, FAILED, CANCELLED]),
    weight=st.sampled_from([1, 1, 3]),
    status=st.sampled_from([200, 404, 500]),
)
arrays = st.lists(events, max_size=4).map(tuple)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Records with rising (not dense) offsets and a broker clock that runs beside event time."""
    bodies = draw(st.lists(arrays, min_size=1, max_size=25))
    steps = draw(st.lists(st.integers(1, 3), min_size=len(bodies), max_size=len(bodies)))
    clock = draw(st.integers(10_000, 14_000))
    offsets = itertools.accumulate(steps, initial=draw(st.integers(0, 5)))
    return [Record(offset, clock + 150 * place, body) for place, (offset, body) in enumerate(zip(offsets, bodies))]  # noqa: B905


def finals(closings: list[Closing]) -> dict[tuple[int, int, int], bytes]:
    """Final snapshots as the bytes that go to `panes`."""
    return {
        (closing.pane_start_ms, part.shard, part.part): encode(
            Snapshot(
                epoch=1,
                source="t-0",
                pane_start_ms=closing.pane_start_ms,
                pane_ms=1_000,
                shard=part.shard,
                part=part.part,
                version=part.version,
                final=True,
                block=pack(part.block),
                examples=part.examples,
            )
        )
        for closing in closings
        for part in closing.parts
    }


def run_once(log: list[Record]) -> tuple[dict[tuple[int, int, int], bytes], SourcePartition, list[Closing]]:
    """Read the whole log as one batch, then let time close everything."""
    table, source = SeriesTable(), SourcePartition(Progress(0), RULES, LIMITS)
    source.add(columns(log, table), table.series, next_offset=log[-1].offset + 1)
    source.advance_watermark(100_000)
    closings = source.close(table.series)
    return finals(closings), source, closings


def tally_of(block: Block, row: int) -> Tally:
    """One row of a block in the shape of the brute force."""
    value = {name: int(block.scalars[row, position]) for name, position in COLUMN.items()}
    hist = block.hist_rows() == row
    status = block.status_rows() == row
    return Tally(
        value["events"],
        value["calls"],
        value["failures"],
        value["cancelled"],
        value["latency_sum_us"],
        int(block.extremes[row, 0]),
        int(block.extremes[row, 1]),
        dict(zip(block.hist_index[hist].tolist(), block.hist_count[hist].tolist(), strict=True)),
        dict(zip(block.status_code[status].tolist(), block.status_count[status].tolist(), strict=True)),
    )


@given(logs())
def test_panes_equal_counting_one_by_one(log: list[Record]) -> None:
    wanted, late = brute_force(log)
    _, source, closings = run_once(log)
    found = {
        (closing.pane_start_ms, series.service, series.operation): tally_of(part.block, row)
        for closing in closings
        for part in closing.parts
        for row, series in enumerate(part.block.series)
    }
    assert found == dict(wanted)
    assert source.progress.late == late
    assert source.progress.operations + late == sum(len(record.events) for record in log)


@settings(max_examples=200)
@given(logs(), st.data())
def test_any_batching_and_any_restart_give_the_same_bytes(log: list[Record], data: st.DataObject) -> None:
    wanted, whole, _ = run_once(log)
    table, source = SeriesTable(), SourcePartition(Progress(0), RULES, LIMITS)
    committed_offset, committed = 0, Progress(0)
    found: dict[tuple[int, int, int], bytes] = {}
    place = 0
    while place < len(log):
        end = data.draw(st.integers(place + 1, len(log)))
        source.add(columns(log[place:end], table), table.series, next_offset=log[end - 1].offset + 1)
        place = end
        action = data.draw(st.sampled_from(["nothing", "flush", "commit", "crash", "crash before the commit"]))
        if action == "flush":
            for pane in source.panes.values():
                pane.snapshots(table.series, everything=False)
        if source.is_replaying or action == "nothing":
            continue
        if action in {"commit", "crash before the commit"}:
            found |= finals(source.close(table.series))
        if action == "commit":
            checkpoint = source.checkpoint()
            assert checkpoint.offset >= committed_offset
            committed_offset, committed = checkpoint.offset, checkpoint.progress
        if action.startswith("crash"):
            table, source = SeriesTable(), SourcePartition(committed, RULES, LIMITS)
            source.next_offset = committed_offset
            place = next((i for i, record in enumerate(log) if record.offset >= committed_offset), len(log))
    source.advance_watermark(100_000)
    found |= finals(source.close(table.series))
    assert found == wanted
    assert source.progress == whole.progress


@given(logs(), st.integers(-5, 5))
def test_shifting_time_by_whole_panes_shifts_the_result(log: list[Record], panes: int) -> None:
    shift = panes * RULES.pane_ms
    moved = [Record(r.offset, r.append_ms + shift, tuple(_moved(event, shift) for event in r.events)) for r in log]
    here, there = brute_force(log)[0], brute_force(moved)[0]
    assert {(pane + shift, *rest): tally for (pane, *rest), tally in here.items()} == dict(there)
    _, _, closings = run_once(log)
    _, _, shifted = run_once(moved)
    assert [closing.pane_start_ms + shift for closing in closings] == [c.pane_start_ms for c in shifted]


def _moved(event: Event, shift: int) -> Event:
    return Event(
        event.timestamp_ms + shift,
        event.service,
        event.operation,
        event.duration_us,
        event.flags,
        event.weight,
        event.status,
    )
