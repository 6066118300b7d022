"""The alert as a record: which fields a transition fills, and the ids that are the same every time.

The struct is `schemas.structs.Alert`, the fast twin of the contract in `schemas/alert.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from pipeline.core.alert_machine import Change, Look
from pipeline.core.alert_reasons import Notice, Reason
from pipeline.core.alert_state import AlertState, Phase
from pipeline.core.alert_template import filled
from pipeline.core.alert_text import summary, value_text
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rule_version import rule_version
from pipeline.core.rules import Rule, Severity
from pipeline.core.series import Series
from schemas.structs import Alert, AlertSample

ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a transition rests on. `value` is in the condition's own unit, None where there was nothing to measure."""

    value: float | None
    samples: int
    window: str
    start_ms: int
    end_ms: int
    bound: float | None = None  # what was judged in place of the value
    sql: str = ""
    summary: str = ""  # empty: made from the rest
    sample_events: tuple[AlertSample, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its life the alert is after a transition."""

    alert_id: str
    episode: int
    sequence: int
    started_ms: int


def alert_id(rule: str, series: Series, start: str) -> str:
    """Return the id of an episode: 16 hexadecimal digits of SHA-256 over rule, series and what the episode began with.

    `start` is the end of the episode's first step in milliseconds, or the identity of the critical error.
    """
    digest = hashlib.sha256(msgspec.json.encode((rule, *series, start)))
    return digest.hexdigest()[:ID_CHARACTERS]


def dimensions_of(series: Series) -> dict[str, str]:
    """Return a series' dimensions by name."""
    pairs = (pair.partition("=") for pair in series.dimensions.split(",") if pair)
    return {name: value for name, _, value in pairs}


def threshold_for(rule: Rule, change: Change) -> float:
    """Return what a value is compared with: the threshold of the severity, or at the end the least one."""
    if change.state in ("pending", "firing"):
        for threshold in rule.thresholds:
            if threshold.severity == change.severity:
                return threshold.value
    return rule.thresholds[0].value


def message(
    rule: Rule,
    series: Series,
    before: AlertState | None,
    change: Change,
    place: Place,
    look: Look,
    told: Notice,
    evidence: Evidence,
) -> Alert:
    """Return the alert that a change makes."""
    shape = shape_of(rule.condition)
    threshold = threshold_for(rule, change)
    return Alert(
        alert_id=place.alert_id,
        episode=place.episode,
        sequence=place.sequence,
        rule=rule.name,
        rule_type=rule.type,
        state=change.state,
        previous_state=before.state if before is not None else "inactive",
        severity=change.severity,
        previous_severity=_previous_severity(before, place),
        environment=series.environment,
        service=series.service,
        operation=series.operation,
        dimensions=dimensions_of(series),
        series=series.label(),
        value=None if evidence.value is None else evidence.value / shape.scale,
        threshold=threshold / shape.scale,
        comparison=shape.comparison,
        unit=shape.unit,
        window=evidence.window,
        window_start_ms=evidence.start_ms,
        window_end_ms=evidence.end_ms,
        samples=evidence.samples,
        step_end_ms=look.step_end_ms,
        watermark_ms=look.watermark_ms,
        decided=look.decided,
        completeness=look.completeness,
        started_ms=place.started_ms,
        fired_ms=_fired_ms(before, change, place, look),
        resolved_ms=look.step_end_ms if change.state == "resolved" else None,
        notify=told.notify,
        notify_reason=told,
        summary=_words(rule, series, change, threshold, evidence),
        labels=rule.labels,
        sample_events=list(evidence.sample_events),
        sql=evidence.sql,
        bound=None if evidence.bound is None else evidence.bound / shape.scale,
        runbook=rule.runbook or None,
        rule_version=rule_version(rule),
    )


def _words(rule: Rule, series: Series, change: Change, threshold: float, evidence: Evidence) -> str:
    """Return the pipeline's own sentence; of what fires, the rule's if it has one."""
    value, samples = evidence.value, evidence.samples
    own = evidence.summary or summary(rule, series, change.state, change.reason, value, threshold, samples)
    if not rule.message or change.state != "firing":
        return own
    words = {
        "value": value_text(rule.condition, value),
        "threshold": value_text(rule.condition, threshold),
        "samples": str(samples),
        "window": evidence.window,
        "severity": change.severity,
        "rule": rule.name,
        "series": series.label(),
        "environment": series.environment,
        "service": series.service,
        "operation": series.operation,
        "summary": own,
    }
    return filled(rule.message, words)


def _previous_severity(before: AlertState | None, place: Place) -> Severity | None:
    return before.severity if before is not None and place.sequence > 1 else None


def _fired_ms(before: AlertState | None, change: Change, place: Place, look: Look) -> int | None:
    fired_ms = before.last_transition.fired_ms if before is not None and place.sequence > 1 else None
    return look.step_end_ms if fired_ms is None and change.state == "firing" else fired_ms


def farewell(before: AlertState, reason: Reason, look: Look, told: Notice, ended: Phase) -> Alert:
    """Return the last alert of an episode whose rule is gone: the transition before it, ended."""
    last = before.last_transition
    return msgspec.structs.replace(
        last,
        sequence=before.sequence + 1,
        state=ended,
        previous_state=before.state,
        previous_severity=before.severity,
        value=None,
        samples=0,
        step_end_ms=look.step_end_ms,
        watermark_ms=look.watermark_ms,
        decided=look.decided,
        completeness=look.completeness,
        resolved_ms=look.step_end_ms if ended == "resolved" else None,
        notify=told.notify,
        notify_reason=told,
        summary=f"rule {last.rule} on {last.series} {ended}: {reason.lower().replace('_', ' ')}",
        sample_events=[],
    )
