"""Stats records as a table in the terminal: one row a series, services set apart, bad figures in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.figures import count, duration, percent, rate
from schemas.structs import StatsRecord, WindowStats

_ERROR_WARNING = 0.02
_ERROR_CRITICAL = 0.05
_SLOW_WARNING_MS = 1_000
_SLOW_CRITICAL_MS = 2_000

SeriesKey = tuple[str, str, str, tuple[tuple[str, str], ...]]


def key_of(record: StatsRecord) -> SeriesKey:
    """Return what tells the series of a record from others, in the order in which tables list them."""
    return record.environment, record.service, record.operation, tuple(sorted(record.dimensions.items()))


def newer(one: StatsRecord, other: StatsRecord | None) -> bool:
    """Whether a record replaces another of the same series: by step, then by revision."""
    return other is None or (one.step_end_ms, one.revision) >= (other.step_end_ms, other.revision)


def stats_table(
    records: Iterable[StatsRecord],
    window: str,
    title: str | None = None,
    extra: Mapping[SeriesKey, str] | None = None,
    expand: bool = False,
) -> Table:
    """Return the table of one window. A service's own row stands above its operations; `extra` adds a last column."""
    rows = sorted((record for record in records if window in record.windows), key=key_of)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, expand=expand, header_style="bold dim")
    several = len({record.environment for record in rows}) > 1
    for heading in (["environment"] if several else []) + ["service", "operation"]:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for heading in ("calls/s", "errors", "p50", "p95", "p99", "calls"):
        table.add_column(heading, justify="right", no_wrap=True)
    if extra is not None:
        table.add_column("calls/s, last minutes", no_wrap=True)
    for record in rows:
        last = [extra.get(key_of(record), "")] if extra is not None else []
        style = "" if record.operation else "bold"
        table.add_row(*_names(record, several), *_figures(record.windows[window]), *last, style=style)
    return table


def _names(record: StatsRecord, several: bool) -> list[str]:
    dimensions = ",".join(f"{name}={value}" for name, value in sorted(record.dimensions.items()))
    operation = record.operation or ("all" if record.service else "")
    named = [record.service or "everything", f"{operation} {{{dimensions}}}" if dimensions else operation]
    return [escape(name) for name in ([record.environment, *named] if several else named)]


def _figures(stats: WindowStats) -> list[Text]:
    return [
        Text(rate(stats.rate_per_second)),
        Text(percent(stats.error_rate), _colour(stats.error_rate, _ERROR_WARNING, _ERROR_CRITICAL)),
        Text(duration(stats.p50_ms)),
        Text(duration(stats.p95_ms), _colour(stats.p95_ms, _SLOW_WARNING_MS, _SLOW_CRITICAL_MS)),
        Text(duration(stats.p99_ms)),
        Text(count(stats.calls)),
    ]


def _colour(value: float | None, warning: float, critical: float) -> str:
    if value is None or value <= warning:
        return ""
    return "bold red" if value > critical else "yellow"
