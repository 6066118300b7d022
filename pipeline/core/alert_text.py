"""An alert in words: one sentence, and the numbers in it."""

from __future__ import annotations

from pipeline.core.alert_reasons import Reason
from pipeline.core.conditions import OfErrors
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rules import (
    Budget,
    BurnRate,
    Change,
    Condition,
    CriticalError,
    ErrorsPerSecond,
    ResponseTime,
    Rule,
    SlowOperations,
)
from pipeline.core.series import Series
from schemas.structs import AlertPhase

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def duration_text(duration_ms: float) -> str:
    """Return a duration in the largest unit that keeps it whole: ``2m``, ``90s``, ``250ms``, ``0.4ms``."""
    for unit, length_ms in _UNITS_MS:
        if duration_ms >= length_ms and duration_ms % length_ms == 0:
            return f"{int(duration_ms // length_ms)}{unit}"
    return f"{duration_ms:.4g}ms" if duration_ms < _UNITS_MS[-1][1] else f"{duration_ms / 1_000:.4g}s"


def value_text(condition: Condition, value: float | None) -> str:
    """Return a value in a condition's own unit as people read it: ``7.3 %``, ``1.2s``, ``16 per minute``, ``14.4x``."""
    if value is None:
        return "unknown"
    unit = shape_of(condition).unit
    if unit == "ratio":
        return f"{value * 100:.4g} %"
    if unit in ("ms", "s"):
        return duration_text(value / 1_000 if unit == "ms" else value)
    if unit == "factor":
        return f"{value:.4g}x"
    return f"{value:.4g} {unit.replace('_', ' ')}" if unit.startswith("per") else f"{value:.4g}"


def subject(rule: Rule) -> str:
    """Return what a rule measures: ``error rate``, ``p95 response time``, ``change of the throughput``."""
    condition = rule.condition
    if isinstance(condition, ResponseTime | Budget):
        names = {"avg": "average", "max": "longest", "percentile": f"p{condition.quantile * 100:.12g}"}
        return f"{names[condition.statistic]} response time"
    if isinstance(condition, ErrorsPerSecond):
        return "rate of errors"
    if isinstance(condition, SlowOperations):
        return f"rate of calls of {duration_text(condition.slow_from_us / 1_000)} and longer"
    if isinstance(condition, Change):
        of = f"p{condition.quantile * 100:.12g} response time" if condition.of == "response_time" else condition.of
        return f"change of the {of.replace('_', ' ')}"
    return rule.type.replace("_", " ")


def span(rule: Rule) -> str:
    """Return of what and over which time a value is: ``over 5m``, ``over 1h and 5m``, ``over 5m against 1h``."""
    condition = rule.condition
    if isinstance(condition, Budget):
        return f"of the budget of {duration_text(condition.budget_us / 1_000)} over {rule.window}"
    if isinstance(condition, BurnRate):
        return f"over {rule.window} and {condition.short_window}"
    return f"over {rule.window}" + (f" against {condition.against}" if isinstance(condition, Change) else "")


def _samples(rule: Rule, samples: int) -> str:
    one = "error" if isinstance(rule.condition, OfErrors) else "call"
    return f"1 {one}" if samples == 1 else f"{samples} {one}s"


def summary(
    rule: Rule,
    series: Series,
    state: AlertPhase,
    reason: Reason,
    value: float | None,
    threshold: float,
    samples: int,
) -> str:
    """Return one sentence about a transition; `value` and `threshold` in the condition's own unit."""
    where = series.label()
    if rule.type == "absence":
        return _absence_summary(where, reason, value, threshold)
    if isinstance(rule.condition, CriticalError):
        return f"no critical error in {where} for {duration_text(rule.condition.hold_ms)} ({samples} in this episode)"
    name = f"{subject(rule)} of {where}"
    if reason is Reason.NO_DATA and state == "resolved":
        return f"{name} is resolved for want of data: no calls in the last {rule.window}"
    if value is None:
        return f"no calls from {where} in the last {rule.window}{_outlook(rule, state, reason)}"
    verb = "is back at" if reason in (Reason.RECOVERED, Reason.CALM) else "is"
    limits = f"(threshold {value_text(rule.condition, threshold)}, {_samples(rule, samples)})"
    text = f"{name} {verb} {value_text(rule.condition, value)} {span(rule)} {limits}"
    return f"{text}{_outlook(rule, state, reason)}"


def _outlook(rule: Rule, state: AlertPhase, reason: Reason) -> str:
    """Return what comes next, and when."""
    if state == "recovering":
        return f"; it is over if this lasts {duration_text(rule.keep_firing_ms)}"
    if reason is Reason.WAITING:
        return f"; it fires if this lasts {duration_text(rule.for_ms)}"
    return f"; it did not last {duration_text(rule.for_ms)}" if reason is Reason.PASSED else ""


def _absence_summary(where: str, reason: Reason, value: float | None, threshold: float) -> str:
    if reason in (Reason.RECOVERED, Reason.PASSED, Reason.CALM):
        return f"events from {where} are coming in again"
    if reason is Reason.EXPIRED:
        return f"no events from {where} for 24h: no longer expected"
    silence = duration_text(value or 0)
    if reason is Reason.WAITING:
        return f"no events from {where} for {silence} so far (threshold {duration_text(threshold)})"
    return f"no events from {where} for {silence} (threshold {duration_text(threshold)})"
