"""From columns to stats records."""

import dataclasses

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US
from pipeline.core.histogram import ESTIMATES_US, WIDTH, index_of, quantiles_us
from pipeline.core.series import Series
from pipeline.core.stats import stats, window_stats
from pipeline.core.step_view import Status, StepView, WindowColumns
from schemas.stats import StatsRecord as Contract
from schemas.structs import encode

SLOW_US = 1_000_000
MINUTE_MS = 60_000


def columns(latencies_us: list[int], newer: int = 0, older: int = 0, **scalars: int) -> WindowColumns:
    """One series over a minute; `scalars` beyond what the latencies say."""
    hist = np.zeros((1, WIDTH), np.int32)
    np.add.at(hist[0], index_of(np.array(latencies_us, np.int64)).astype(int) + 1, 1)
    sums = np.zeros((1, len(ADDITIVE)), np.int64)
    known = {"events": len(latencies_us), "calls": len(latencies_us), "latency_sum_us": sum(latencies_us)}
    for name, value in {**known, **scalars}.items():
        sums[0, COLUMN[name]] = value
    return WindowColumns(
        start_ms=0,
        end_ms=MINUTE_MS,
        scalars=sums,
        hist=hist,
        min_us=np.array([min(latencies_us, default=NO_MIN_US)]),
        max_us=np.array([max(latencies_us, default=-1)]),
        calls_newer=np.array([newer]),
        calls_older=np.array([older]),
        status_codes=np.array([200, 404, 500]),
        status_calls=np.array([[len(latencies_us), 0, 2]]),
    )


def view(of: WindowColumns, status: Status = "on_time", revision: int = 0, dimensions: str = "") -> StepView:
    rows = of.scalars.shape[0]
    return StepView(
        series=[Series("prod", "shop", f"op{row}", dimensions) for row in range(rows)],
        end_ms=MINUTE_MS,
        watermark_ms=MINUTE_MS + 3,
        status=status,
        revision=revision,
        changed=np.ones(rows, np.bool_),
        last_event_ms=np.zeros(rows, np.int64),
        seen={},
        window_names=("1m", "again"),
        compute={"1m": of, "again": of}.__getitem__,
        completeness=0.5,
    )


def test_every_figure_is_what_its_definition_says() -> None:
    of = columns(
        [1_000, 2_000, 3_000, 2_000_000],
        newer=3,
        older=1,
        failures=1,
        client_errors=1,
        timeouts=0,
        cancelled=2,
        error_events=6,
        errors_warning=1,
        errors_error=2,
        errors_critical=3,
    )
    (found,) = window_stats(of, SLOW_US)
    assert (found.start_ms, found.end_ms) == (0, MINUTE_MS)
    assert (found.events, found.calls, found.failures, found.client_errors, found.cancelled) == (4, 4, 1, 1, 2)
    assert (found.rate_per_second, found.rate_per_minute) == (4 / 60, 4)
    assert (found.error_rate, found.success_rate) == (0.5, 0.5)
    assert found.trend_ratio == 2
    assert (found.avg_ms, found.min_ms, found.max_ms) == (501.5, 1, 2_000)
    assert (found.slow_calls, found.slow_per_minute) == (1, 1)
    assert (found.error_events, found.errors_per_second) == (6, 0.1)
    severities = found.errors_by_severity
    assert (severities.warning, severities.error, severities.critical) == (1, 2, 3)
    assert found.status_codes == {"200": 4, "500": 2}
    assert found.p50_ms == pytest.approx(2, rel=0.0055)
    assert found.p999_ms == found.p95_ms == pytest.approx(2_000, rel=0.0055)


def test_what_needs_a_call_is_null_without_one() -> None:
    (found,) = window_stats(columns([], error_events=1), SLOW_US)
    nulls = ("trend_ratio", "error_rate", "success_rate", "avg_ms", "min_ms", "max_ms", "p50_ms", "p95_ms", "p999_ms")
    assert [getattr(found, name) for name in nulls] == [None] * len(nulls)
    assert (found.rate_per_second, found.slow_calls, found.errors_per_second) == (0, 0, 1 / 60)


def test_the_error_rate_is_null_when_every_call_was_cancelled() -> None:
    (found,) = window_stats(columns([5], cancelled=1), SLOW_US)
    assert (found.error_rate, found.success_rate) == (None, None)
    assert found.avg_ms == 0.005


def test_a_trend_downwards_is_negative_and_to_nothing_is_minus_1() -> None:
    assert window_stats(columns([5], newer=1, older=4), SLOW_US)[0].trend_ratio == -0.75
    assert window_stats(columns([5], newer=0, older=4), SLOW_US)[0].trend_ratio == -1
    assert window_stats(columns([5], newer=4, older=0), SLOW_US)[0].trend_ratio is None


def test_zero_durations_have_percentiles_of_zero() -> None:
    (found,) = window_stats(columns([0, 0]), SLOW_US)
    assert (found.p50_ms, found.min_ms, found.max_ms, found.avg_ms) == (0, 0, 0, 0)


@pytest.mark.parametrize(("status", "revision"), [("on_time", 0), ("late", 4), ("early", 0)])
def test_a_record_is_valid_by_the_contract(status: Status, revision: int) -> None:
    (record,) = stats(view(columns([7, 9]), status, revision, "region=eu,version=2"), SLOW_US)
    contract = Contract.model_validate_json(encode(record))
    assert contract.model_dump(mode="json") == msgspec.json.decode(encode(record))
    assert contract.dimensions == {"region": "eu", "version": "2"}
    assert (contract.status, contract.revision, contract.step_end_ms) == (status, revision, MINUTE_MS)
    assert list(contract.windows) == ["1m", "again"]


def test_an_empty_window_is_valid_by_the_contract_too() -> None:
    (record,) = stats(view(columns([])), SLOW_US)
    assert Contract.model_validate_json(encode(record)).windows["1m"].p50_ms is None


def test_a_view_without_series_makes_no_records() -> None:
    one = columns([7])
    fields = {
        field.name: getattr(one, field.name)[:0]
        for field in dataclasses.fields(one)
        if field.name not in ("start_ms", "end_ms", "status_codes")
    }
    assert stats(view(dataclasses.replace(one, **fields)), SLOW_US) == []


BUCKETS = st.tuples(st.integers(0, WIDTH - 1), st.integers(1, 10**12))


@given(
    st.lists(st.lists(BUCKETS, max_size=8), min_size=1, max_size=4), st.lists(st.floats(0, 1), min_size=1, max_size=4)
)
def test_quantiles_are_by_nearest_rank_as_one_pass_over_all_buckets_finds_them(
    rows: list[list[tuple[int, int]]], quantiles: list[float]
) -> None:
    dense = np.zeros((len(rows), WIDTH), np.int64)
    for row, buckets in enumerate(rows):
        for column, count in buckets:
            dense[row, column] += count
    found = quantiles_us(dense, tuple(quantiles))
    for row, cumulative in enumerate(np.cumsum(dense, axis=1)):
        for place, q in enumerate(quantiles):
            rank = max(np.ceil(q * cumulative[-1] - 1e-9), 1)
            expected = ESTIMATES_US[np.argmax(cumulative >= rank)] if cumulative[-1] else np.nan
            assert np.array_equal(found[row, place], expected, equal_nan=True)
