"""Rates and percentiles of every series at one step: from integer columns to `stats` records."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.core.block import COLUMN, NO_MIN_US
from pipeline.core.histogram import quantiles_us, threshold_column
from pipeline.core.step_view import Int64s, StepView, WindowColumns
from schemas.structs import ErrorsBySeverity, StatsRecord, WindowStats

QUANTILES = (0.5, 0.95, 0.99, 0.999)

Floats = npt.NDArray[np.float64]
_Column = list[float | None]


def stats(view: StepView, slow_threshold_us: int) -> list[StatsRecord]:
    """Return one record for each series of a view, in the view's order.

    Cost: about 60 µs a series with four windows, and 15 µs more to encode it.
    """
    windows = [window_stats(view.window(name), slow_threshold_us) for name in view.window_names]
    return [
        StatsRecord(
            environment=series.environment,
            service=series.service,
            operation=series.operation,
            dimensions=_dimensions(series.dimensions),
            step_end_ms=view.end_ms,
            status=view.status,
            revision=view.revision,
            watermark_ms=view.watermark_ms,
            completeness=view.completeness,
            windows=dict(zip(view.window_names, of_series, strict=True)),
        )
        for series, of_series in zip(view.series, zip(*windows, strict=True), strict=True)
    ]


def window_stats(columns: WindowColumns, slow_threshold_us: int) -> list[WindowStats]:
    """Return the figures of every row of one window, in order. What needs a call, or two halves, is None without."""
    seconds = (columns.end_ms - columns.start_ms) / 1_000
    calls, slow = _counts(columns, "calls"), columns.hist[:, threshold_column(slow_threshold_us) :].sum(axis=1)
    error_events, error_rate = _counts(columns, "error_events"), _error_rate(columns)
    latency = calls > 0
    named = {
        **{name: _counts(columns, name).tolist() for name in _PLAIN},
        "rate_per_second": (calls / seconds).tolist(),
        "rate_per_minute": (calls * 60 / seconds).tolist(),
        "trend_ratio": _known(_ratio(columns.calls_newer, columns.calls_older) - 1),
        "error_rate": _known(error_rate),
        "success_rate": _known(1 - error_rate),
        "avg_ms": _known(_ratio(_counts(columns, "latency_sum_us"), calls) / 1_000),
        "min_ms": _known(np.where(latency & (columns.min_us != NO_MIN_US), columns.min_us / 1_000, np.nan)),
        "max_ms": _known(np.where(latency & (columns.max_us >= 0), columns.max_us / 1_000, np.nan)),
        **_percentiles(columns),
        "slow_calls": slow.tolist(),
        "slow_per_minute": (slow * 60 / seconds).tolist(),
        "errors_per_second": (error_events / seconds).tolist(),
        "errors_by_severity": list(_severities(columns)),
        "status_codes": list(_status_codes(columns)),
    }
    names, start_ms, end_ms = tuple(named), columns.start_ms, columns.end_ms
    return [
        WindowStats(start_ms=start_ms, end_ms=end_ms, **dict(zip(names, row, strict=True)))
        for row in zip(*named.values(), strict=True)
    ]


_PLAIN = ("events", "calls", "failures", "client_errors", "timeouts", "cancelled", "error_events")
_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms", "p999_ms")


def _counts(columns: WindowColumns, name: str) -> Int64s:
    return columns.scalars[:, COLUMN[name]]


def _error_rate(columns: WindowColumns) -> Floats:
    return _ratio(_counts(columns, "failures"), _counts(columns, "calls") - _counts(columns, "cancelled"))


def _ratio(of: Int64s, to: Int64s) -> Floats:
    """Divide; NaN where the divisor is 0."""
    quotients: Floats = np.full(of.shape, np.nan)
    np.divide(of, to, out=quotients, where=to > 0)
    return quotients


def _percentiles(columns: WindowColumns) -> dict[str, _Column]:
    estimates_ms = quantiles_us(columns.hist, QUANTILES) / 1_000
    return {name: _known(estimates_ms[:, place]) for place, name in enumerate(_PERCENTILES)}


def _known(values: Floats) -> _Column:
    """Return floats as a list, None for NaN."""
    plain: _Column = values.tolist()
    for row in np.flatnonzero(np.isnan(values)).tolist():
        plain[row] = None
    return plain


_NO_ERRORS = ErrorsBySeverity()


def _severities(columns: WindowColumns) -> Iterator[ErrorsBySeverity]:
    first = COLUMN["errors_warning"]
    for warning, error, critical in columns.scalars[:, first : first + 3].tolist():
        some = warning or error or critical
        yield ErrorsBySeverity(warning=warning, error=error, critical=critical) if some else _NO_ERRORS


def _status_codes(columns: WindowColumns) -> Iterator[dict[str, int]]:
    names = [str(code) for code in columns.status_codes.tolist()]
    for calls in columns.status_calls.tolist():
        yield {name: count for name, count in zip(names, calls, strict=True) if count}


def _dimensions(listed: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in listed.split(",") if pair)
    return {name: value for name, _, value in pairs}
