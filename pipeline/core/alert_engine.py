"""Rules over one shard's windows at one step: which alerts change, and why.

Vectorised over series: each rule is measured for all rows at once, and only rows in breach or with an alert are looked
at one by one.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from pipeline.core.alert_absence import evaluate_absence
from pipeline.core.alert_freeze import lags
from pipeline.core.alert_machine import Change, Look
from pipeline.core.alert_message import Evidence
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_sight import Sight
from pipeline.core.alert_signal import end_holds
from pipeline.core.alert_sql import events_sql
from pipeline.core.alert_state import AlertState, AlertStates
from pipeline.core.alert_step import Step
from pipeline.core.alert_transition import Evaluation, kept
from pipeline.core.conditions import bound_at, level_of_none, looks_for_too_few, samples, value_at, waits_for_watermark
from pipeline.core.example_kinds import wanted_by
from pipeline.core.example_store import ExampleStore
from pipeline.core.rule_match import watches
from pipeline.core.rules import Rule
from pipeline.core.series import OVERFLOW, Series
from pipeline.core.step_view import StepView
from schemas.structs import AlertSample

SHOWS_EVENTS = ("pending", "firing")


def evaluate(
    compiled: CompiledRules, view: StepView, states: AlertStates, examples: ExampleStore | None = None
) -> Evaluation:
    """Return what the rules decide about a step, in the order in which it is to be kept and sent.

    Changes nothing: give the result to `take` when its states are kept. An early look may begin an alert and make it
    graver, never end it or make it less grave. A look that was decided before gives nothing, and so does a late one.
    `examples` are events for alerts to show.
    """
    if view.status == "late":
        return Evaluation(None)
    look = Look(view.end_ms, view.watermark_ms, view.status, view.completeness)
    if _was_decided(look, states):
        return Evaluation(None)
    step = Step(compiled, view, states, look, examples)
    if look.final:
        step.retire_orphans()
    for rule in compiled.windowed:
        _evaluate_windowed(step, rule)
    if look.final:
        for rule in compiled.absences:
            evaluate_absence(step, rule)
        for rule in compiled.criticals:
            end_holds(step, rule)
    elif lags(look):
        step.freeze_lagging()
    step.evaluation.sort(compiled.places)
    return step.evaluation


def take(states: AlertStates, evaluation: Evaluation) -> None:
    """Take an evaluation into the states: after its states are kept, before the next look."""
    for transition in evaluation.transitions:
        states.put(transition.state)
    if evaluation.look is not None and evaluation.look.final:
        states.decided(evaluation.look.step_end_ms)
        states.withheld = evaluation.withheld


def _was_decided(look: Look, states: AlertStates) -> bool:
    """Whether nothing is left to decide. The last step itself may have been kept in part: it is looked at again."""
    done_ms = states.on_time_ms
    if done_ms is None:
        return False
    return look.step_end_ms < done_ms or (look.step_end_ms == done_ms and not look.final)


def _evaluate_windowed(step: Step, rule: Rule) -> None:
    active = step.states.active(rule.name)
    if not step.look.final and (waits_for_watermark(rule) or (rule.for_ms > 0 and not active)):
        return
    sight = Sight(rule, step.figures(rule.window), step.compiled.recoveries.get(rule.name) if active else None)
    in_breach = {step.view.series[row]: row for row in _rows_in_breach(step, sight, active)}
    for series, row in in_breach.items():
        state = active.get(series)
        if state is None or not sight.stays(state, row):
            _visit(step, sight, series, row)
    if step.look.final:
        _visit_ended(step, sight, in_breach)
        if rule.no_data == "alert":
            _visit_empty(step, sight, active)


def _rows_in_breach(step: Step, sight: Sight, active: dict[Series, AlertState]) -> list[int]:
    """Return the rows in breach that are worth a look."""
    rows = step.index.rows(sight.rule.group_by, sight.rule.match)
    rows = rows[sight.measured.level[rows] > 0]
    if not step.look.final:
        rows = rows[step.view.changed[rows]]
    if looks_for_too_few(sight.rule):
        rows = rows[step.index.named[rows]]
    worth = sight.enough[rows] | step.view.changed[rows]
    if active and not worth.all():
        worth |= np.fromiter((step.view.series[row] in active for row in rows), np.bool_, len(rows))
    found: list[int] = rows[worth].tolist()
    return found


def _visit_ended(step: Step, sight: Sight, in_breach: Collection[Series]) -> None:
    """Look at every alert of the rule whose series is in breach no more, or has left the windows."""
    for series in step.states.active(sight.rule.name):
        if series in in_breach:
            continue
        if watches(sight.rule, series):
            _visit(step, sight, series, step.index.row_of.get(series))
        else:
            step.retire(sight.rule.name, series, Reason.RULE_CHANGED)


def _visit_empty(step: Step, sight: Sight, active: Collection[Series]) -> None:
    """Look at every series of the last 24 hours that has nothing in the window, and no alert: that is a breach."""
    rows = step.index.rows(sight.rule.group_by, sight.rule.match)
    empty: dict[Series, int | None] = {step.view.series[row]: row for row in rows[~sight.measured.known[rows]].tolist()}
    empty |= {series: None for series in step.view.seen if watches(sight.rule, series)}
    for series, row in empty.items():
        # Which series overflow is a matter of chance: they come and go.
        if series not in active and OVERFLOW not in series:
            _visit(step, sight, series, row)


def _visit(step: Step, sight: Sight, series: Series, row: int | None) -> None:
    rule, figures = sight.rule, sight.figures
    result = step.decide(rule, series, sight.at(row, lost=row is None and series not in step.view.seen))
    if result is None:
        return
    if isinstance(result, Reason):
        if step.look.final and row is not None and step.view.changed[row]:
            value, count = value_at(rule, figures, row), int(samples(rule, figures)[row])
            step.evaluation.decisions.append(kept(rule, series, step.look, result, value, count))
        return
    step.change(rule, series, result, _evidence(step, sight, series, row, result))


def _evidence(step: Step, sight: Sight, series: Series, row: int | None, change: Change) -> Evidence:
    rule, figures = sight.rule, sight.figures
    start_ms, end_ms = figures.window.start_ms, figures.window.end_ms
    return Evidence(
        value=_value_of_none(rule) if row is None else value_at(rule, figures, row),
        bound=None if row is None else bound_at(rule, figures, row),
        samples=0 if row is None else int(samples(rule, figures)[row]),
        window=rule.window,
        start_ms=start_ms,
        end_ms=end_ms,
        sql=events_sql(rule, series, start_ms, end_ms),
        sample_events=_examples(step, rule, series, start_ms, end_ms) if change.state in SHOWS_EVENTS else (),
    )


def _examples(step: Step, rule: Rule, series: Series, start_ms: int, end_ms: int) -> tuple[AlertSample, ...]:
    wanted = wanted_by(rule.condition)
    if step.examples is None or wanted is None:
        return ()
    return step.examples.of(series, wanted, start_ms, end_ms)


def _value_of_none(rule: Rule) -> float | None:
    return None if level_of_none(rule) is None else 0.0
