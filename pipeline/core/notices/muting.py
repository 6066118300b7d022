"""Whether people are kept from being told of an alert now, and by what."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.notices.groups import Known
from pipeline.core.notices.matching import fits, value_of
from pipeline.core.notices.orders import Orders
from pipeline.core.notices.plan import Inhibition, Plan
from pipeline.core.notices.suppression import Mute, Why
from schemas.structs import Alert

Found = dict[tuple[str, int], Mute | None]
"""What silences and windows do to each transition that was asked about."""

FOUND_MAX = 100_000


class Muting:
    """What mutes at one moment. Which alerts hide others is worked out once for all of them.

    `found` remembers what was worked out about silences and windows, for as long as the same ones are in force.
    """

    def __init__(self, plan: Plan, orders: Orders, alerts: Iterable[Known], now_ms: int, found: Found) -> None:
        self._found = found
        silences = [one for one in orders.silences.values() if one.holds(now_ms)]
        self._silences = sorted(silences, key=lambda one: (-one.ends_ms, one.id))  # the one that holds longest is told
        self._windows = [one for one in plan.windows if one.holds(now_ms)]
        firing = [known.alert for known in alerts if known.on and known.wanted]
        self._hiding = [(rule, _sources(rule, firing)) for rule in plan.inhibitions]

    def of(self, alert: Alert) -> Mute | None:
        """Return why people are not told of an alert, None if they are."""
        key = (alert.alert_id, alert.sequence)
        if key not in self._found:
            self._found[key] = self._quiet(alert)
        if (quiet := self._found[key]) is not None:
            return quiet
        for rule, sources in self._hiding:
            source = sources.get(_values(rule, alert))
            if source not in (None, alert.alert_id) and fits(rule.hides, alert) and not fits(rule.when, alert):
                return Mute(Why.INHIBITED_BY, f"{rule.name}: {source}")
        return None

    def _quiet(self, alert: Alert) -> Mute | None:
        for silence in self._silences:
            if fits(silence.matchers, alert):
                return Mute(Why.SILENCED_BY, silence.id, silence.author, silence.ends_ms)
        for window in self._windows:
            if fits(window.matchers, alert):
                return Mute(Why.MAINTENANCE, window.name)
        return None


def _values(rule: Inhibition, alert: Alert) -> tuple[str, ...]:
    return tuple(value_of(alert, name) for name in rule.equal)


def _sources(rule: Inhibition, firing: list[Alert]) -> dict[tuple[str, ...], str]:
    """Return the alert that hides others, by the values that they have in common with it: of several the oldest."""
    oldest_last = sorted(firing, key=lambda one: (one.started_ms, one.alert_id), reverse=True)
    return {_values(rule, alert): alert.alert_id for alert in oldest_last if fits(rule.when, alert)}
