"""An alert in words: one sentence, and the numbers in it."""

from __future__ import annotations

from pipeline.core.alert_reasons import Reason
from pipeline.core.conditions import SHAPES
from pipeline.core.rules import CriticalError, ResponseTime, Rule, SlowOperations
from pipeline.core.series import Series

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def duration_text(duration_ms: float) -> str:
    """Return a duration in the largest unit that keeps it whole: ``2m``, ``90s``, ``250ms``, ``0.4ms``."""
    for unit, length_ms in _UNITS_MS:
        if duration_ms >= length_ms and duration_ms % length_ms == 0:
            return f"{int(duration_ms // length_ms)}{unit}"
    return f"{duration_ms:.4g}ms" if duration_ms < _UNITS_MS[-1][1] else f"{duration_ms / 1_000:.4g}s"


def value_text(rule_type: str, value: float | None) -> str:
    """Return a value in a condition's own unit as people read it: ``7.3 %``, ``1.2s``, ``16 per minute``."""
    if value is None:
        return "unknown"
    unit = SHAPES[rule_type].unit
    if unit == "ratio":
        return f"{value * 100:.4g} %"
    if unit in ("ms", "s"):
        return duration_text(value / 1_000 if unit == "ms" else value)
    return f"{value:.4g} per minute" if unit == "per_minute" else f"{value:.4g}"


def subject(rule: Rule) -> str:
    """Return what a rule measures: ``error rate``, ``p95 response time``."""
    condition = rule.condition
    if isinstance(condition, ResponseTime):
        names = {"avg": "average", "max": "longest"}
        return f"{names.get(condition.statistic, condition.label)} response time"
    if isinstance(condition, SlowOperations):
        return f"rate of calls of {duration_text(condition.slow_from_us / 1_000)} and longer"
    return rule.type.replace("_", " ")


def summary(rule: Rule, series: Series, reason: Reason, value: float | None, threshold: float, samples: int) -> str:
    """Return one sentence about a transition; `value` and `threshold` in the condition's own unit."""
    where = series.label()
    if rule.type == "absence":
        return _absence_summary(where, reason, value, threshold)
    if isinstance(rule.condition, CriticalError):
        return f"no critical error in {where} for {duration_text(rule.condition.hold_ms)} ({samples} in this episode)"
    name = f"{subject(rule)} of {where}"
    if reason is Reason.NO_DATA:
        return f"{name} is resolved for want of data: no calls in the last {rule.window}"
    verb = "is back at" if reason is Reason.RECOVERED else "is"
    calls = "1 call" if samples == 1 else f"{samples} calls"
    limits = f"(threshold {value_text(rule.type, threshold)}, {calls})"
    text = f"{name} {verb} {value_text(rule.type, value)} over {rule.window} {limits}"
    if reason is Reason.WAITING:
        return f"{text}; it fires if this lasts {duration_text(rule.for_ms)}"
    return f"{text}; it did not last {duration_text(rule.for_ms)}" if reason is Reason.PASSED else text


def _absence_summary(where: str, reason: Reason, value: float | None, threshold: float) -> str:
    if reason in (Reason.RECOVERED, Reason.PASSED):
        return f"events from {where} are coming in again"
    if reason is Reason.EXPIRED:
        return f"no events from {where} for 24h: no longer expected"
    silence = duration_text(value or 0)
    if reason is Reason.WAITING:
        return f"no events from {where} for {silence} so far (threshold {duration_text(threshold)})"
    return f"no events from {where} for {silence} (threshold {duration_text(threshold)})"
