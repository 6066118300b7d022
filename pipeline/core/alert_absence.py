"""Absence: which series have been silent for how long. Decided on the watermark alone."""

from __future__ import annotations

import numpy as np

from pipeline.core.alert_machine import Seen
from pipeline.core.alert_message import Evidence
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_sql import events_sql
from pipeline.core.alert_state import ACTIVE, AlertState, AlertStates
from pipeline.core.alert_step import Step
from pipeline.core.alert_text import duration_text
from pipeline.core.rule_match import watches
from pipeline.core.rules import DAY_MS, Absence, Rule
from pipeline.core.series import Series, shard_of


def evaluate_absence(step: Step, rule: Rule) -> None:
    """Decide one absence rule for every expected series of the shard.

    The silence runs from the end of the last pane with an event. A series that the rule names and nothing was ever
    seen of is pending from the first look on. One not named is no longer expected after 24 hours of silence.
    """
    condition = rule.condition
    assert isinstance(condition, Absence)
    last_events = _expected(step, rule) if condition.expect else _silent(step, rule)
    for series, last_event_ms in last_events.items():
        _visit(step, rule, series, last_event_ms)
    for series in step.states.active(rule.name):
        if series in last_events:
            continue
        if watches(rule, series):
            _visit(step, rule, series, _last_event_ms(step, series))
        else:
            step.retire(rule.name, series, Reason.RULE_CHANGED)


def expects_any(rules: CompiledRules, states: AlertStates) -> bool:
    """Whether a rule expects a series by its name that is of the shard of these states."""
    return any(_named(rule, states) for rule in rules.absences)


def _named(rule: Rule, states: AlertStates) -> list[Series]:
    """Return the series of this shard that a rule expects by their names."""
    condition = rule.condition
    assert isinstance(condition, Absence)
    return [series for series in condition.expect if shard_of(series, states.shards) == states.shard]


def _expected(step: Step, rule: Rule) -> dict[Series, int | None]:
    """Return the named series of this shard with their last event, None where none was seen in 24 hours."""
    return {series: _last_event_ms(step, series) for series in _named(rule, step.states)}


def _silent(step: Step, rule: Rule) -> dict[Series, int | None]:
    """Return the series seen in the last 24 hours that are silent for the least threshold, with their last event."""
    end_ms, limit_ms = step.look.step_end_ms, rule.thresholds[0].value
    rows = step.index.rows(rule.group_by, rule.match)
    rows = rows[np.asarray(end_ms - step.view.last_event_ms[rows] >= limit_ms)]
    shown = {step.view.series[row]: int(step.view.last_event_ms[row]) for row in rows}
    gone = {series: at_ms for series, at_ms in step.view.seen.items() if limit_ms <= end_ms - at_ms < DAY_MS}
    return {series: at_ms for series, at_ms in (shown | gone).items() if watches(rule, series)}


def _last_event_ms(step: Step, series: Series) -> int | None:
    row = step.index.row_of.get(series)
    return step.view.seen.get(series) if row is None else int(step.view.last_event_ms[row])


def _visit(step: Step, rule: Rule, series: Series, last_event_ms: int | None) -> None:
    state = step.states.get(rule.name, series)
    end_ms = step.look.step_end_ms
    known_ms = _known_event_ms(state, last_event_ms)
    since_ms = _waiting_since_ms(state, end_ms) if known_ms is None else known_ms
    silence_ms = end_ms - since_ms
    named = isinstance(rule.condition, Absence) and bool(rule.condition.expect)
    if silence_ms >= DAY_MS and not named:
        if state is not None and state.state in ACTIVE and step.look.complete:
            step.retire(rule.name, series, Reason.EXPIRED)
        return
    level = sum(silence_ms >= threshold.value for threshold in rule.thresholds)
    result = step.decide(rule, series, Seen(level, awaited=named and known_ms is None))
    if result is not None and not isinstance(result, Reason):
        evidence = Evidence(
            value=silence_ms,
            samples=0,
            window=duration_text(rule.thresholds[0].value),
            start_ms=since_ms,
            end_ms=end_ms,
            # The events before the silence tell more than the silence itself.
            sql=events_sql(rule, series, since_ms - int(rule.thresholds[0].value), end_ms),
        )
        step.change(rule, series, result, evidence, last_event_ms=known_ms)


def _known_event_ms(state: AlertState | None, last_event_ms: int | None) -> int | None:
    """The last event that is known of, here or, after a restart that forgot it, in the state."""
    if last_event_ms is not None or state is None or state.state not in ACTIVE:
        return last_event_ms
    return state.last_event_ms


def _waiting_since_ms(state: AlertState | None, end_ms: int) -> int:
    return state.started_ms if state is not None and state.state in ACTIVE else end_ms
