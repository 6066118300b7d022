"""Alerts: one content each, no hole, no overlap, every firing one resolved; and every critical error is in one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from faults.verdict.account import Account
from faults.verdict.clock import clock
from faults.verdict.log import digest
from faults.verdict.said import Heard
from faults.verdict.still_firing import why_not_firing
from faults.verdict.verdict import Check, check
from pipeline.core.alert_state import FIRED, AlertState, decode_state
from pipeline.core.series import Series
from schemas import structs

About = tuple[str, Series]
_OVER = ("resolved", "inactive")
_NEXT = {
    "pending": ("firing", "inactive"),
    "firing": ("firing", "recovering", "resolved"),
    "recovering": ("firing", "resolved"),
}
"""What a state may become within an episode: one that has fired ends resolved."""


def check_alerts(account: Account) -> Check:
    """Transitions of every rule and series follow each other without hole and overlap; the states agree."""
    wrong, heard = list(account.alerts.complaints), by_about(account)
    frozen = {about for about, state in _states(account).items() if state.frozen_ms is not None}
    for about, transitions in heard.items():
        name = f"{about[0]} on {about[1].label()}"
        wrong += [f"{name}: {text}" for text in _wrong_order(transitions)]
        last = transitions[-1].alert
        if last.state in FIRED and about not in frozen and (why := why_not_firing(account, last)):
            wrong.append(f"{name}: {last.state} since {clock(last.started_ms)} and never resolved, but {why}")
    wrong += _wrong_states(account, heard)
    fired = {alert_id for (alert_id, _), one in account.alerts.heard.items() if one.alert.state == "firing"}
    figures = {
        "transitions": len(account.alerts.heard),
        "episodes fired": len(fired),
        "still firing": sum(transitions[-1].alert.state in FIRED for transitions in heard.values()),
        "sent again": account.alerts.repeated,
    }
    return check("alerts", "every episode is whole, and was told with one content", wrong, figures)


def by_about(account: Account) -> dict[About, list[Heard]]:
    """Return the transitions of each rule and series, in the order in which they were first told."""
    found: defaultdict[About, list[Heard]] = defaultdict(list)
    for one in sorted(account.alerts.heard.values(), key=lambda one: one.order):
        found[one.alert.about].append(one)
    return dict(found)


def _wrong_order(transitions: Iterable[Heard]) -> Iterator[str]:
    before = None
    for alert in (one.alert for one in transitions):
        told = f"episode {alert.episode} sequence {alert.sequence}"
        if before is None or alert.alert_id != before.alert_id:
            if before is not None and before.state not in _OVER:
                yield f"{told} comes before episode {before.episode} is over"
            if alert.sequence != 1:
                yield f"{told} is the first that was told of it"
            if before is not None and alert.episode != before.episode + 1:
                yield f"{told} follows episode {before.episode}"
        elif alert.sequence != before.sequence + 1:
            yield f"{told} follows sequence {before.sequence}"
        elif alert.state not in _NEXT.get(before.state, ()):
            yield f"{told} is {alert.state}, and was {before.state} before"
        before = alert


def _states(account: Account) -> dict[About, AlertState]:
    return {state.key: state for state in map(decode_state, account.alerts.states.values())}


def _wrong_states(account: Account, heard: dict[About, list[Heard]]) -> Iterator[str]:
    states = _states(account)
    for about in sorted(states.keys() | heard.keys()):
        name, state = f"{about[0]} on {about[1].label()}", states.get(about)
        last = heard[about][-1] if about in heard else None
        if state is None or last is None:
            yield f"{name}: {'no state' if state is None else 'a state'}, {'no alert' if last is None else 'an alert'}"
        elif digest(structs.encode(state.last_transition)) != last.digest:
            told = f"{state.last_transition.alert_id} sequence {state.sequence}"
            yield f"{name}: the state is at {told}, the last alert is {last.alert.alert_id} {last.alert.sequence}"


def check_history_alerts(account: Account, rows: Iterable[tuple[str, int, str]]) -> Check:
    """ClickHouse has every transition once, as it stands on the topic; `rows` are those of before the account."""
    found = [((alert_id, sequence), digest(text.encode())) for alert_id, sequence, text in rows]
    heard = account.alerts.heard.items()
    kept, told = dict(found), {key: one.digest for key, one in heard if one.at_ms < account.taken_ms}
    times = Counter(key for key, _ in found)
    wrong = [f"{key[0]} sequence {key[1]}: {count} times in ClickHouse" for key, count in times.items() if count > 1]
    for key in sorted(kept.keys() | told.keys()):
        if kept.get(key) != told.get(key):
            where = "not in ClickHouse" if key not in kept else "not on the topic" if key not in told else "differs"
            wrong.append(f"{key[0]} sequence {key[1]}: {where}")
    return check("history_alerts", "ClickHouse has every transition, once", wrong, {"rows": len(found)})
