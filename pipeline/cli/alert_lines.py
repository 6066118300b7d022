"""One alert's transition as one line in the terminal."""

from __future__ import annotations

from rich.text import Text

from pipeline.cli.figures import clock, measured
from schemas.structs import Alert

STYLES = {"firing": "bold red", "pending": "yellow", "recovering": "yellow", "resolved": "green", "inactive": "dim"}
"""Colour by state, from the gravest to the least."""

_MARKS = {"firing": "●", "pending": "○", "recovering": "◐", "resolved": "✓", "inactive": "·"}


def alert_line(alert: Alert) -> Text:
    """Return when, state, severity, rule, series and what was measured, in the state's colour."""
    style = style_of(alert) if alert.notify else "dim"
    line = Text.assemble(
        (f"{clock(_when_ms(alert))} ", "dim"),
        (f"{_MARKS[alert.state]} {alert.state.upper():<8} {alert.severity:<8} ", style),
        (f"{alert.rule} ", "bold"),
        alert.series,
    )
    untold = "" if alert.notify else f"  nobody is told: {alert.notify_reason.removeprefix('SUPPRESS_').lower()}"
    return line.append(f"  {_measure(alert)}{untold}", "dim")


def style_of(alert: Alert) -> str:
    """Return the colour of an alert: red for what is critical now, yellow for a warning."""
    return STYLES[alert.state] if alert.state != "firing" or alert.severity == "critical" else "yellow"


def _when_ms(alert: Alert) -> int:
    if alert.state == "firing" and alert.previous_state not in ("firing", "recovering"):
        return alert.fired_ms or alert.step_end_ms
    return alert.resolved_ms or alert.step_end_ms


def _measure(alert: Alert) -> str:
    if alert.value is None:
        return ""
    limit = f" {alert.comparison} {measured(alert.threshold, alert.unit)}" if alert.threshold is not None else ""
    return f"{measured(alert.value, alert.unit)}{limit if alert.state != 'resolved' else ''} over {alert.window}"
