"""How often the same decision is told: when it begins, then once a minute, so that no rule floods the log."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_transition import Decision
from pipeline.core.series import Series

AGAIN_MS = 60_000
"""Event time after which what goes on is told again, and after which what was not decided again has ended."""


@dataclass(slots=True)
class _Told:
    since_ms: int
    last_ms: int
    told_ms: int


class DecisionThrottle:
    """What was told of each rule and series, by reason. A restart forgets it, and tells one record more."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, Series], dict[Reason, _Told]] = {}
        self._swept_ms = 0

    def __len__(self) -> int:
        return sum(map(len, self._told.values()))

    def since(self, decision: Decision) -> int | None:
        """Return the step since when the same is decided if it is to be told now, else None.

        A change is always told, and ends all that went on before it.
        """
        key, at_ms = (decision.rule, decision.series), decision.step_end_ms
        self._sweep(at_ms)
        if decision.alert_id is not None and decision.reason is not Reason.REPEATED:
            self._told.pop(key, None)
            return at_ms
        told = self._told.setdefault(key, {})
        before = told.get(decision.reason)
        if before is None or at_ms - before.last_ms > AGAIN_MS:
            told[decision.reason] = _Told(at_ms, at_ms, at_ms)
            return at_ms
        before.last_ms = max(before.last_ms, at_ms)
        if at_ms - before.told_ms < AGAIN_MS:
            return None
        before.told_ms = at_ms
        return before.since_ms

    def forget(self, rules: Collection[str]) -> None:
        """Forget what was told of some rules."""
        gone = frozenset(rules)
        self._told = {key: told for key, told in self._told.items() if key[0] not in gone}

    def _sweep(self, at_ms: int) -> None:
        """Forget what has ended, once a minute of event time."""
        if at_ms - self._swept_ms < AGAIN_MS:
            return
        self._swept_ms = at_ms
        for key, told in list(self._told.items()):
            lasting = {reason: one for reason, one in told.items() if at_ms - one.last_ms <= AGAIN_MS}
            if lasting:
                self._told[key] = lasting
            else:
                del self._told[key]
