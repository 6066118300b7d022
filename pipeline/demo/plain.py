"""The demo where there is no terminal: a line every ten seconds, and each alert as it comes."""

from __future__ import annotations

from rich.console import Console

from pipeline.cli.alert_lines import alert_line
from pipeline.cli.figures import count, duration, percent, rate
from pipeline.demo.picture import Picture
from pipeline.demo.schedule import going_on
from pipeline.demo.view import Counts
from schemas.structs import Alert, WindowStats

EVERY_SECONDS = 10.0


def print_line(picture: Picture, counts: Counts, window: str, elapsed_s: float, console: Console) -> None:
    """Print the counts, and the operation with the most errors and the slowest one."""
    lag = "unknown" if counts.lag_records is None else count(counts.lag_records)
    console.print(
        f"{elapsed_s:.0f} s: published {count(counts.acknowledged)}, counted {count(counts.counted)}, "
        f"late {counts.late}, dead {counts.dead}, lag {lag}, "
        f"series {len(picture.stats)}, alerts fired {picture.fired}, resolved {picture.resolved}",
        soft_wrap=True,
    )
    windows = {
        f"{record.service}/{record.operation}": record.windows[window]
        for record in picture.stats.values()
        if record.operation and window in record.windows
    }
    if windows:
        console.print(f"        {_worst(windows)}", soft_wrap=True)
    for trouble in going_on(elapsed_s):
        console.print(f"        on purpose, now: {trouble}", soft_wrap=True)


def print_alert(alert: Alert, console: Console) -> None:
    """Print one transition."""
    console.print(alert_line(alert), soft_wrap=True)


def _worst(windows: dict[str, WindowStats]) -> str:
    failing = max(windows, key=lambda name: windows[name].error_rate or 0)
    slowest = max(windows, key=lambda name: windows[name].p95_ms or 0)
    return (
        f"most errors: {failing} {percent(windows[failing].error_rate)} of {rate(windows[failing].rate_per_second)}/s; "
        f"slowest: {slowest} p95 {duration(windows[slowest].p95_ms)}"
    )
