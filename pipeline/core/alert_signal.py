"""Critical errors: an alert at once from the error itself, over when none came for the rule's hold time."""

from __future__ import annotations

import msgspec

from pipeline.core.alert_machine import Change, Look, Seen
from pipeline.core.alert_message import Evidence
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_sql import critical_errors_sql
from pipeline.core.alert_state import FIRED, AlertState, AlertStates, SignalMarks
from pipeline.core.alert_step import Step
from pipeline.core.alert_text import duration_text, summary
from pipeline.core.alert_transition import Decision, Evaluation, Transition, advance, retire
from pipeline.core.records import Signal
from pipeline.core.rule_match import watches
from pipeline.core.rules import CriticalError, Rule
from pipeline.core.series import Series
from schemas.structs import AlertSample

MESSAGE_CHARACTERS = 200


def evaluate_signal(
    compiled: CompiledRules, signal: Signal, states: AlertStates, watermark_ms: int | None
) -> Evaluation:
    """Return what a critical error changes. A signal that comes again changes nothing.

    `watermark_ms` is the shard's watermark now: the hold time of an error that comes late runs from there.
    """
    evaluation = Evaluation(Look(signal.timestamp_ms, watermark_ms, "signal"))
    series = signal.series()
    for rule in compiled.criticals:
        if watches_signal(rule, series):
            transition = signal_transition(rule, signal, states.get(rule.name, series), watermark_ms)
            if isinstance(transition, Decision):
                evaluation.decisions.append(transition)
            else:
                evaluation.add(transition)
    return evaluation


def retire_for_signal(
    compiled: CompiledRules, signal: Signal, states: AlertStates, watermark_ms: int | None
) -> Evaluation:
    """Return the end of alerts that stand where a critical error's belong: their rules were of another type before.

    To be kept before `evaluate_signal` is asked: at the next step, which would end them else, the error has come.
    """
    series = signal.series()
    evaluation = Evaluation(Look(signal.timestamp_ms, watermark_ms, "signal"))
    for rule in compiled.criticals:
        state = states.active(rule.name).get(series)
        if state is not None and state.last_transition.rule_type != rule.type and watches_signal(rule, series):
            at_ms = max(signal.timestamp_ms, state.last_step_ms)
            evaluation.add(retire(state, Reason.RULE_CHANGED, Look(at_ms, watermark_ms, "signal")))
    return evaluation


def watches_signal(rule: Rule, series: Series) -> bool:
    """Return whether a rule covers a critical error's series; one that names no operation stands for its service."""
    return watches(msgspec.structs.replace(rule, group_by=series.rollup), series)


def signal_transition(
    rule: Rule, signal: Signal, state: AlertState | None, watermark_ms: int | None
) -> Transition | Decision:
    """Return the alert for a critical error; within an episode the counted state alone; or why nothing changes."""
    look = Look(signal.timestamp_ms, watermark_ms, "signal")
    source, place = f"{signal.epoch}:{signal.source}", (signal.offset, signal.index)
    marks = state.signals if state is not None and state.signals is not None else SignalMarks(0, 0, {})
    if place <= marks.seen.get(source, (-1, -1)):
        return Decision(
            rule=rule.name,
            series=signal.series(),
            step_end_ms=signal.timestamp_ms,
            decided="signal",
            reason=Reason.DUPLICATE,
        )
    firing = state is not None and state.state in FIRED
    after = SignalMarks(
        last_ms=max(signal.timestamp_ms, watermark_ms or 0, marks.last_ms if firing else 0),
        count=marks.count + 1 if firing else 1,
        seen={**marks.seen, source: place},
    )
    if state is not None and firing:
        return Transition(msgspec.structs.replace(state, signals=after), None, Reason.REPEATED)
    change = Change("firing", rule.severity_at(1), Reason.BREACH)
    start = f"{source}:{signal.offset}:{signal.index}"
    return advance(rule, signal.series(), state, change, look, _evidence(rule, signal), start=start, signals=after)


def _evidence(rule: Rule, signal: Signal) -> Evidence:
    series, at_ms = signal.series(), signal.timestamp_ms
    text = f"{signal.error_type}: {signal.message[:MESSAGE_CHARACTERS]}"
    sample = AlertSample(
        event_id=signal.event_id,
        timestamp_ms=at_ms,
        request_id=signal.request_id,
        trace_id=signal.trace_id,
        message=text,
    )
    return Evidence(
        value=1,
        samples=1,
        window=_hold_text(rule),
        start_ms=at_ms,
        end_ms=at_ms + 1,
        sql=critical_errors_sql(series, at_ms, at_ms + 1),
        summary=f"critical error in {series.label()}: {text}",
        sample_events=(sample,),
    )


def end_holds(step: Step, rule: Rule) -> None:
    """On the watermark: resolve the rule's alerts that heard of no error for its hold time; tell what is owed."""
    condition = rule.condition
    assert isinstance(condition, CriticalError)
    for series, state in step.states.active(rule.name).items():
        marks = state.signals
        if marks is None or not watches_signal(rule, series):
            step.retire(rule.name, series, Reason.RULE_CHANGED)
            continue
        quiet = step.look.step_end_ms - marks.last_ms >= condition.hold_ms
        result = step.decide(rule, series, Seen(0 if quiet else 1))
        if result is not None and not isinstance(result, Reason):
            _end_or_tell(step, rule, series, result, state, marks)


def _end_or_tell(step: Step, rule: Rule, series: Series, change: Change, state: AlertState, marks: SignalMarks) -> None:
    reason = Reason.HOLD_OVER if change.state == "resolved" else change.reason
    start_ms, end_ms = state.started_ms, max(step.look.step_end_ms, state.started_ms + 1)
    text = f"critical errors in {series.label()}: {marks.count} in this episode"
    evidence = Evidence(
        value=0 if change.state == "resolved" else marks.count,
        samples=marks.count,
        window=_hold_text(rule),
        start_ms=start_ms,
        end_ms=end_ms,
        sql=critical_errors_sql(series, start_ms, end_ms),
        summary=summary(rule, series, change.state, reason, None, 0, marks.count)
        if reason is Reason.HOLD_OVER
        else text,
        sample_events=tuple(state.last_transition.sample_events),
    )
    step.change(rule, series, Change(change.state, change.severity, reason), evidence, signals=marks)


def _hold_text(rule: Rule) -> str:
    assert isinstance(rule.condition, CriticalError)
    return duration_text(rule.condition.hold_ms)
