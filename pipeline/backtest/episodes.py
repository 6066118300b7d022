"""Transitions in order → episodes: when each began, fired and ended, in which states it was, who would have heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from pipeline.core.alert_state import Phase
from pipeline.core.rules import Severity, rank
from schemas.structs import Alert


@dataclass(frozen=True, slots=True)
class Stretch:
    """An episode is in one state and severity from `from_ms` on, until its next stretch begins."""

    from_ms: int
    state: Phase
    severity: Severity


@dataclass(slots=True)
class Episode:
    """One episode of one rule on one series; times are ends of steps, of critical errors their own time.

    `troubled_ms`: when what it is about began, None where that was not looked for. `ended_ms`: None while it goes on.
    `notices`: transitions that people are told of; `pages`: those that say that something critical fires.
    """

    alert_id: str
    rule: str
    series: str
    started_ms: int
    stretches: list[Stretch] = field(default_factory=list)
    fired_ms: int | None = None
    ended_ms: int | None = None
    troubled_ms: int | None = None
    severity: Severity = "info"
    notices: int = 0
    pages: int = 0

    def fired_for_ms(self, from_ms: int, to_ms: int) -> int:
        """Return how long of a range it fired, or recovered."""
        if self.fired_ms is None:
            return 0
        end_ms = to_ms if self.ended_ms is None else self.ended_ms
        return max(end_ms - max(self.fired_ms, from_ms), 0)

    def detected_in_ms(self) -> int | None:
        """Return how long after its trouble began it fired."""
        known = self.fired_ms is not None and self.troubled_ms is not None
        return self.fired_ms - self.troubled_ms if known else None  # type: ignore[operator]  # both are known


class Episodes:
    """All episodes of ``(from_ms, to_ms]``: without those that ended before; notices before it are not counted."""

    def __init__(self, from_ms: int, to_ms: int) -> None:
        self.from_ms = from_ms
        self.to_ms = to_ms
        self._all: dict[str, Episode] = {}

    def __iter__(self) -> Iterator[Episode]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def take(self, alert: Alert) -> Episode:
        """Take in the next transition; return its episode as it is after it."""
        one = self._all.get(alert.alert_id)
        if one is None:
            one = Episode(alert.alert_id, alert.rule, alert.series, alert.started_ms)
            self._all[alert.alert_id] = one
        severity = cast(Severity, alert.severity)
        one.stretches.append(Stretch(alert.step_end_ms, alert.state, severity))
        one.fired_ms = alert.fired_ms
        one.severity = max(one.severity, severity, key=rank)
        if alert.notify and alert.step_end_ms > self.from_ms:
            one.notices += 1
            one.pages += alert.state == "firing" and alert.severity == "critical"
        if alert.state in ("resolved", "inactive"):
            one.ended_ms = alert.step_end_ms
            if alert.step_end_ms <= self.from_ms:
                del self._all[alert.alert_id]
        return one
