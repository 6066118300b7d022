"""What a rehearsal is made of: traffic, and the transitions that are to come of it. Times count from the start."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pipeline.core.alert_state import Phase
from pipeline.core.rules import ErrorSeverity, Rule, Severity
from pipeline.core.series import Series
from pipeline.core.window_config import KeptWindows

Outcome = Literal["error", "client_error", "timeout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Calls of one series, `calls` of them at `from_ms` and every `every_ms` before `end_ms`.

    With `error` they are error events of that severity instead, of which only series and time matter.
    """

    series: Series
    from_ms: int
    every_ms: int
    end_ms: int
    calls: int = 1
    duration_us: int = 10_000
    failed: Fraction = Fraction(0)
    cancelled: Fraction = Fraction(0)
    outcome: Outcome = "error"
    error: ErrorSeverity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A transition that is to come at `at_ms`, give or take `within_ms`. What is None may be anything."""

    line: int
    at_ms: int
    rule: str
    series: str
    state: Phase
    severity: Severity | None = None
    notify: bool | None = None
    within_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One rehearsal. `only`: nothing else may happen. It goes on until `until_ms`."""

    file: str
    rules: tuple[Rule, ...]
    windows: KeptWindows
    traffic: tuple[Traffic, ...]
    expected: tuple[Expected, ...]
    only: bool
    until_ms: int
