"""Whether people are kept from being told of an alert now, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.core.notices.causes import echo_ms, says_no_more
from pipeline.core.notices.groups import Known, Member
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
        self._now_ms = now_ms
        told = sorted((one for one in alerts if one.wanted), key=lambda one: (one.alert.started_ms, one.alert.alert_id))
        self._hiding = [(rule, _sources(rule, told)) for rule in plan.inhibitions]

    def of(self, alert: Alert) -> Mute | None:
        """Return why people are not told of an alert, None if they are."""
        key = (alert.alert_id, alert.sequence)
        if key not in self._found:
            self._found[key] = self._quiet(alert)
        if (quiet := self._found[key]) is not None:
            return quiet
        for rule, sources in self._hiding:
            if not (found := sources.get(_values(rule, alert))) or not fits(rule.hides, alert):
                continue
            if (by := self._hidden_by(rule, found, alert)) is not None:
                return by
        return None

    def lasting(self, member: Member) -> Mute | None:
        """Return what hides an alert for a while although the one that hid it ended."""
        held = member.held
        if held is None or held.why is not Why.INHIBITED_BY or (held.until_ms or 0) <= self._now_ms:
            return None
        return held

    def _hidden_by(self, rule: Inhibition, sources: Sequence[Known], alert: Alert) -> Mute | None:
        """Return what hides an alert: the oldest that fires, else the oldest that is not yet past."""
        if not rule.longer_windows:
            return None if fits(rule.when, alert) else _hidden(rule, sources[0])
        hiding = [one for one in sources if says_no_more(alert, one)]
        firing = next((one for one in hiding if one.on), None)
        if firing is not None:
            return _hidden(rule, firing)
        ends = [(one.seen_ms + echo_ms(alert, one.alert), one) for one in hiding]
        return next((_hidden(rule, one, end_ms) for end_ms, one in ends if end_ms > self._now_ms), None)

    def _quiet(self, alert: Alert) -> Mute | None:
        for silence in self._silences:
            if fits(silence.matchers, alert):
                return Mute(Why.SILENCED_BY, silence.id, silence.author, silence.ends_ms)
        for window in self._windows:
            if fits(window.matchers, alert):
                return Mute(Why.MAINTENANCE, window.name)
        return None


def _hidden(rule: Inhibition, by: Known, until_ms: int | None = None) -> Mute:
    return Mute(Why.INHIBITED_BY, f"{rule.name}: {by.alert.alert_id}", until_ms=until_ms)


def _values(rule: Inhibition, alert: Alert) -> tuple[str, ...]:
    return tuple(value_of(alert, name) for name in rule.equal)


def _sources(rule: Inhibition, told: Sequence[Known]) -> dict[tuple[str, ...], list[Known]]:
    """Return the alerts that hide others, oldest first, by the values that they have in common with them."""
    if not rule.longer_windows:
        return _by_values(rule, (one for one in told if one.on and fits(rule.when, one.alert)))
    several = {values: some for values, some in _by_values(rule, told).items() if len(some) > 1}
    return {values: [one for one in some if fits(rule.when, one.alert)] for values, some in several.items()}


def _by_values(rule: Inhibition, told: Iterable[Known]) -> dict[tuple[str, ...], list[Known]]:
    found: dict[tuple[str, ...], list[Known]] = {}
    for known in told:
        found.setdefault(_values(rule, known.alert), []).append(known)
    return found
