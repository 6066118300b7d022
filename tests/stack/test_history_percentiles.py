"""Percentiles from slots and roll-ups alone, against the raw durations and against ClickHouse's own sketch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.core.histogram import ALPHA, estimate_us, index_of
from pipeline.core.series import Series
from pipeline.lander.event_rows import Reading, operation_rows
from pipeline.lander.roll_up import HOUR_MS, roll_up, roll_up_new
from pipeline.lander.slot_rows import Received, slot_rows
from tests.contracts.history_fixture import History
from tests.contracts.kafka_records import NOW_MS, FakeRecord, operation, records
from tests.contracts.snapshots import PANE_MS, block_of, snapshot

pytestmark = pytest.mark.stack

QUANTILES = (0.5, 0.95, 0.99, 0.999)
OPERATIONS = ("pay", "refund", "status")
SOURCES = 2
PANES = 12
HOUR_START_MS = (NOW_MS - HOUR_MS) // HOUR_MS * HOUR_MS
A_RECORD = FakeRecord("panes", 0, b"")
Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def durations_us(operation_number: int, seed: int = 7) -> Ints:
    """Return durations by source and pane, with some zeros among them."""
    rng = np.random.default_rng(seed + operation_number)
    values = rng.lognormal(9 + operation_number, 1.1, (SOURCES, PANES, 40)).astype(np.int64)
    values[:, ::4, :2] = 0
    return values


ALL_US = {name: durations_us(number) for number, name in enumerate(OPERATIONS)}


def nearest_rank_us(values: Ints, q: float, shift: int = 0) -> int:
    ordered = np.sort(values, axis=None)
    return int(ordered[min(max(math.ceil(q * ordered.size - 1e-9) - 1 + shift, 0), ordered.size - 1)])


def estimate_ms(value_us: int) -> float:
    return float(estimate_us(index_of(np.array([value_us])))[0]) / 1000


@pytest.fixture
async def filled(history: History) -> History:
    """The same calls as raw rows and as slots of two sources, in panes of the hour before last."""
    received, events = [], []
    for source in range(SOURCES):
        for pane in range(PANES):
            start_ms = HOUR_START_MS + pane * PANE_MS
            calls = {Series("prod", "checkout", name): values[source, pane] for name, values in ALL_US.items()}
            one = snapshot(
                block_of({series: values.tolist() for series, values in calls.items()}),
                source=f"events.operations-{source}",
                pane_start_ms=start_ms,
            )
            received.append(Received(one, A_RECORD))
            events += [
                operation(environment="prod", operation=series.operation, timestamp_ms=start_ms, duration_ms=us / 1000)
                for series, values in calls.items()
                for us in values.tolist()
            ]
    for _ in range(2):
        await history.land(slot_rows(received))
        await history.land(operation_rows(records("events.operations", [events]), Reading(1, 0)).rows)
    return history


@pytest.mark.parametrize("view", ["slots", "panes", "panes_1m", "panes_1h"])
@pytest.mark.parametrize("q", QUANTILES)
def test_every_table_names_the_bucket_of_the_nearest_rank(filled: History, view: str, q: float) -> None:
    roll_up(filled.client, filled.settings, HOUR_START_MS, HOUR_START_MS + HOUR_MS)
    look = f"SELECT operation, latency_ms({q}, latency_index, latency_count) FROM {{db}}.{view} GROUP BY operation"
    assert dict(filled.ask(look)) == {
        name: pytest.approx(estimate_ms(nearest_rank_us(values, q)), rel=1e-12) for name, values in ALL_US.items()
    }


@pytest.mark.parametrize("q", QUANTILES)
def test_any_grouping_is_within_the_promised_error_of_a_sort(filled: History, q: float) -> None:
    everything = np.concatenate([values.ravel() for values in ALL_US.values()])
    found = filled.one(f"SELECT latency_ms({q}, latency_index, latency_count) FROM {{db}}.slots")
    assert found == pytest.approx(nearest_rank_us(everything, q) / 1000, rel=0.0055)


@pytest.mark.parametrize("q", QUANTILES)
def test_clickhouses_own_sketch_of_the_raw_rows_agrees_within_one_rank(filled: History, q: float) -> None:
    sketched = filled.ask(
        f"SELECT operation, quantileDD({ALPHA}, {q})(duration_us) / 1000 FROM {{db}}.operations "
        "WHERE duration_us > 0 GROUP BY operation"
    )
    assert len(sketched) == len(OPERATIONS)
    for name, found in sketched:
        some = ALL_US[name][ALL_US[name] > 0]
        near = [estimate_ms(nearest_rank_us(some, q, shift)) for shift in (-1, 0, 1)]
        assert min(near) * (1 - 1e-9) <= found <= max(near) * (1 + 1e-9)


def test_the_latency_view_answers_a_range_in_one_line(filled: History) -> None:
    middle_ms = HOUR_START_MS + PANES // 2 * PANE_MS
    rows = filled.ask(
        "SELECT operation, calls, p95_ms FROM {db}.latency("
        f"from = fromUnixTimestamp64Milli({HOUR_START_MS}), to = fromUnixTimestamp64Milli({middle_ms}))"
    )
    half = {name: values[:, : PANES // 2] for name, values in ALL_US.items()}
    assert {name: (calls, p95) for name, calls, p95 in rows} == {
        name: (values.size, pytest.approx(estimate_ms(nearest_rank_us(values, 0.95)))) for name, values in half.items()
    }


def test_panes_have_their_own_percentiles_and_extremes(filled: History) -> None:
    look = "SELECT p50_ms, latency_min_us, latency_max_us, slots, calls FROM {db}.panes WHERE operation = 'pay' ORDER BY pane_start"
    rows = filled.ask(look)
    assert len(rows) == PANES
    for pane, (p50_ms, least_us, greatest_us, slots, calls) in enumerate(rows):
        values = ALL_US["pay"][:, pane]
        assert p50_ms == pytest.approx(estimate_ms(nearest_rank_us(values, 0.5)))
        assert (least_us, greatest_us, slots, calls) == (values.min(), values.max(), SOURCES, values.size)


def test_where_there_was_no_call_a_percentile_is_null(filled: History) -> None:
    assert filled.ask(
        "SELECT latency_ms(0.95, latency_index, latency_count), sum(calls) FROM {db}.slots WHERE service = 'nobody'"
    ) == [(None, 0)]


def test_rolling_up_again_changes_nothing(filled: History) -> None:
    look = "SELECT * EXCEPT (rolled_at) FROM {db}.panes_1m ORDER BY ALL"
    assert roll_up_new(filled.client, filled.settings) == 1
    before = filled.ask(look)
    assert len(before) == len(OPERATIONS) * PANES * PANE_MS // 60_000
    for _ in range(2):
        roll_up(filled.client, filled.settings, HOUR_START_MS, HOUR_START_MS + HOUR_MS)
    assert filled.ask(look) == before


async def test_slots_that_land_later_are_rolled_up_too(filled: History) -> None:
    roll_up_new(filled.client, filled.settings)
    before = filled.one("SELECT sum(calls) FROM {db}.panes_1h")
    late = snapshot(
        block_of({Series("prod", "checkout", "pay"): [1_000]}),
        source="events.operations-9",
        pane_start_ms=HOUR_START_MS,
    )
    await filled.land(slot_rows([Received(late, A_RECORD)]))
    assert roll_up_new(filled.client, filled.settings) == 1
    assert filled.one("SELECT sum(calls) FROM {db}.panes_1h") == before + 1


async def test_an_hour_that_is_still_open_waits(history: History) -> None:
    block = block_of({Series("prod", "checkout", "pay"): [1_000]})
    await history.land(slot_rows([Received(snapshot(block, final=False, pane_start_ms=HOUR_START_MS), A_RECORD)]))
    assert roll_up_new(history.client, history.settings) == 0
    await history.land(slot_rows([Received(snapshot(block, pane_start_ms=HOUR_START_MS), A_RECORD)]))
    assert roll_up_new(history.client, history.settings) == 1


async def test_slots_that_are_gone_do_not_shrink_a_roll_up(filled: History) -> None:
    roll_up_new(filled.client, filled.settings)
    before = filled.ask("SELECT calls FROM {db}.panes_1h ORDER BY operation")
    database = filled.settings.database
    filled.client.command(
        f"ALTER TABLE {database}.slots_log DELETE WHERE source = 'events.operations-1' SETTINGS mutations_sync = 1"
    )
    roll_up(filled.client, filled.settings, HOUR_START_MS, HOUR_START_MS + HOUR_MS)
    assert filled.ask("SELECT calls FROM {db}.panes_1h ORDER BY operation") == before
