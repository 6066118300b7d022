"""Every critical error in the log is in an episode of its series, and was counted there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from faults.verdict.account import Account
from faults.verdict.check_alerts import About, by_about
from faults.verdict.clock import clock
from faults.verdict.log import Critical
from faults.verdict.said import Heard
from faults.verdict.verdict import Check, check
from pipeline.core.alert_state import FIRED, decode_state
from pipeline.settings import window_ms

STARTED_LATER_MS = 180_000
"""Of errors that come in any order, the episode's first one may be a later one: by so much, after an outage."""


@dataclass(frozen=True, slots=True)
class _Episode:
    started_ms: int
    resolved_ms: int | None
    hold_ms: int

    def covers(self, error: Critical) -> bool:
        """Whether the error may have been in it: it can't end before the hold of the error is over."""
        begun = self.started_ms <= max(error.timestamp_ms, error.append_ms) + STARTED_LATER_MS
        return begun and (self.resolved_ms is None or self.resolved_ms >= error.timestamp_ms + self.hold_ms)


def check_critical(account: Account) -> Check:
    """Every critical error is in an episode, and the episodes have counted as many as there are."""
    heard = {about: told for about, told in by_about(account).items() if told[-1].alert.rule_type == "critical_error"}
    wrong = [*_uncovered(account, heard), *_miscounted(account, heard)]
    figures = {
        "critical errors": len(account.log.criticals),
        "series": len({one.series for one in account.log.criticals}),
    }
    return check("critical_errors", "every critical error is in an episode, once", wrong, figures)


def _uncovered(account: Account, heard: dict[About, list[Heard]]) -> Iterator[str]:
    episodes: dict[object, list[_Episode]] = {}
    for (_, series), told in heard.items():
        episodes.setdefault(series, []).extend(_episodes(told))
    for error in account.log.criticals:
        if not any(episode.covers(error) for episode in episodes.get(error.series, ())):
            yield f"{error.series.label()}: critical error at {clock(error.timestamp_ms)} is in no episode"


def _episodes(told: list[Heard]) -> Iterator[_Episode]:
    last = {one.alert.alert_id: one.alert for one in told}
    for alert in last.values():
        over = alert.state in {"resolved", "inactive"}
        yield _Episode(alert.started_ms, alert.step_end_ms if over else None, window_ms(alert.window))


def _miscounted(account: Account, heard: dict[About, list[Heard]]) -> Iterator[str]:
    """Yield rules and series whose episodes have counted more or fewer errors than there are."""
    expected = Counter(one.series for one in account.log.criticals)
    states = {state.key: state for state in map(decode_state, account.alerts.states.values())}
    for about, told in heard.items():
        over = [one.alert for one in told if one.alert.state == "resolved"]
        if any("rule removed" in alert.summary or "rule changed" in alert.summary for alert in over):
            continue  # its end does not tell how many there were
        state = states.get(about)
        firing = state.signals.count if state is not None and state.state in FIRED and state.signals else 0
        counted = sum(alert.samples for alert in over) + firing
        if counted != expected[about[1]]:
            yield f"{about[0]} on {about[1].label()}: {expected[about[1]]} critical errors, {counted} counted"
