"""Rules over one shard's windows at one step: which alerts change, and why.

Vectorised over series: each rule is measured for all rows at once, and only rows in breach or with an alert are looked
at one by one.
"""

from __future__ import annotations

import numpy as np

from pipeline.core.alert_absence import evaluate_absence
from pipeline.core.alert_machine import Look, Seen
from pipeline.core.alert_message import Evidence
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_signal import end_holds
from pipeline.core.alert_sql import events_sql
from pipeline.core.alert_state import AlertState, AlertStates
from pipeline.core.alert_step import Step
from pipeline.core.alert_transition import Evaluation, kept
from pipeline.core.conditions import (
    Measured,
    enough,
    level_of_none,
    measure,
    samples,
    value_at,
    waits_for_watermark,
)
from pipeline.core.measures.figures import Figures
from pipeline.core.rule_match import watches
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.core.step_view import StepView


def evaluate(compiled: CompiledRules, view: StepView, states: AlertStates) -> Evaluation:
    """Return what the rules decide about a step, in the order in which it is to be kept and sent.

    Changes nothing: give the result to `take` when its states are kept. An early look may begin an alert and make it
    graver, never end it or make it less grave. A look that was decided before gives nothing, and so does a late one.
    """
    if view.status == "late":
        return Evaluation(None)
    look = Look(view.end_ms, view.watermark_ms, view.status, view.completeness)
    if _was_decided(look, states):
        return Evaluation(None)
    step = Step(compiled, view, states, look)
    if look.final:
        step.retire_orphans()
    for rule in compiled.windowed:
        _evaluate_windowed(step, rule)
    if look.final:
        for rule in compiled.absences:
            evaluate_absence(step, rule)
        for rule in compiled.criticals:
            end_holds(step, rule)
    return step.evaluation


def take(states: AlertStates, evaluation: Evaluation) -> None:
    """Take an evaluation into the states: after its states are kept, before the next look."""
    for transition in evaluation.transitions:
        states.put(transition.state)
    if evaluation.look is not None and evaluation.look.final:
        states.decided(evaluation.look.step_end_ms)


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
    figures = step.figures(rule.window)
    measured = measure(rule, figures)
    in_breach = _rows_in_breach(step, rule, figures, measured, active)
    for row, believed in in_breach:
        _visit(step, rule, figures, row, Seen(int(measured.level[row]), enough=believed))
    if step.look.final:
        _visit_ended(step, rule, figures, measured, {step.view.series[row] for row, _ in in_breach})


def _rows_in_breach(
    step: Step, rule: Rule, figures: Figures, measured: Measured, active: dict[Series, AlertState]
) -> list[tuple[int, bool]]:
    """Return the rows in breach that are worth a look, and whether each has samples enough."""
    rows = step.index.rows(rule.group_by, rule.match)
    rows = rows[measured.level[rows] > 0]
    if not step.look.final:
        rows = rows[step.view.changed[rows]]
    believed = enough(rule, figures)[rows]
    worth = believed | step.view.changed[rows]
    if active and not worth.all():
        worth |= np.fromiter((step.view.series[row] in active for row in rows), np.bool_, len(rows))
    return list(zip(rows[worth].tolist(), believed[worth].tolist(), strict=True))


def _visit_ended(step: Step, rule: Rule, figures: Figures, measured: Measured, in_breach: set[Series]) -> None:
    """Look at every alert of the rule whose series is in breach no more, or has left the windows."""
    for series in step.states.active(rule.name):
        if series in in_breach:
            continue
        row = step.index.row_of.get(series)
        if not watches(rule, series):
            step.retire(rule.name, series, Reason.RULE_CHANGED)
        elif row is None:
            _visit_series(step, rule, figures, series, None, _gone(step, rule, series))
        else:
            _visit(step, rule, figures, row, Seen(0, known=bool(measured.known[row])))


def _gone(step: Step, rule: Rule, series: Series) -> Seen:
    """Return what is seen of a series that has left all windows: no calls and no errors, for a day; then nothing."""
    level = level_of_none(rule) if series in step.view.seen else None
    return Seen(0, known=False) if level is None else Seen(level)


def _visit(step: Step, rule: Rule, figures: Figures, row: int, seen: Seen) -> None:
    _visit_series(step, rule, figures, step.view.series[row], row, seen)


def _visit_series(step: Step, rule: Rule, figures: Figures, series: Series, row: int | None, seen: Seen) -> None:
    result = step.decide(rule, series, seen)
    if result is None:
        return
    if isinstance(result, Reason):
        if step.look.final and row is not None and step.view.changed[row]:
            value, count = value_at(rule, figures, row), int(samples(rule, figures)[row])
            step.evaluation.decisions.append(kept(rule, series, step.look, result, value, count))
        return
    step.change(rule, series, result, _evidence(rule, figures, series, row))


def _evidence(rule: Rule, figures: Figures, series: Series, row: int | None) -> Evidence:
    start_ms, end_ms = figures.window.start_ms, figures.window.end_ms
    return Evidence(
        value=_value_of_none(rule) if row is None else value_at(rule, figures, row),
        samples=0 if row is None else int(samples(rule, figures)[row]),
        window=rule.window,
        start_ms=start_ms,
        end_ms=end_ms,
        sql=events_sql(rule, series, start_ms, end_ms),
    )


def _value_of_none(rule: Rule) -> float | None:
    return None if level_of_none(rule) is None else 0.0
