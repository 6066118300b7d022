"""The alert: one transition of a rule on a series, as it stands on the topic `alerts`.

Everything a person or a program needs to act on it is inside: what was measured against which threshold, over which
window, samples of the events behind it, and SQL that is ready to paste. `schemas/structs.py` has the same record as a
fast struct, for whoever writes it; a test holds the two together.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AlertPhase = Literal["inactive", "pending", "firing", "recovering", "resolved"]
AlertSeverity = Literal["info", "warning", "error", "critical"]
Decided = Literal["early", "on_time", "signal"]


class AlertSample(BaseModel):
    """One of the events behind an alert."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    event_id: str = Field(description="The event's own id.")
    timestamp_ms: int = Field(description="Event time, milliseconds since 1970 in UTC.")
    request_id: str | None = Field(None, description="Request that it belongs to, for looking it up in logs.")
    trace_id: str | None = Field(None, description="Trace that it belongs to.")
    message: str | None = Field(None, description="Its error message, or how long the call took and how it ended.")


class Alert(BaseModel):
    """One transition of one rule on one series.

    `(alert_id, sequence)` is its identity: the same transition sent again after a restart has the same, and the same
    content. Sort by `sequence` for the order of transitions within an episode.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    type: Literal["alert"] = Field("alert", description="Always `alert`.")
    schema_version: int = Field(1, ge=1, description="Version of this contract. Later ones only add fields.")
    alert_id: str = Field(description="The same for all transitions of an episode; made from rule, series, episode.")
    episode: int = Field(ge=1, description="Number of the episode of this rule on this series, from 1.")
    sequence: int = Field(ge=1, description="Number of the transition within the episode, from 1.")
    rule: str = Field(description="Name of the rule.")
    rule_type: str = Field(
        description="What the rule watches.",
        examples=["error_rate", "response_time", "success_rate", "slow_operations", "critical_error", "absence"],
    )
    state: AlertPhase = Field(description="State after the transition.")
    previous_state: AlertPhase = Field(description="State before it.")
    severity: AlertSeverity = Field(description="Severity after the transition; of a resolved one, its last.")
    previous_severity: AlertSeverity | None = Field(None, description="Severity before it, if there was one.")
    environment: str = Field(description="Environment of the series.")
    service: str = Field(description="Service of the series; empty: over all services.")
    operation: str = Field(description="Operation of the series; empty: over all operations.")
    dimensions: dict[str, str] = Field(default_factory=dict, description="Further dimensions of the series.")
    series: str = Field(description="The series as people write it.", examples=["prod/checkout/pay"])
    value: float | None = Field(None, description="What was measured; null when there was nothing to measure.")
    threshold: float | None = Field(None, description="What it was compared with.")
    comparison: str = Field(
        description="How it was compared; a breach is `value comparison threshold`.", examples=[">"]
    )
    unit: str = Field(
        description="Unit of value and threshold.",
        examples=["ratio", "ms", "per_minute", "per_second", "count", "factor", "s"],
    )
    window: str = Field(description="Length of the window.", examples=["5m"])
    window_start_ms: int = Field(description="First millisecond of the window.")
    window_end_ms: int = Field(description="First millisecond after the window.")
    samples: int = Field(ge=0, description="How many calls (or error events) the value was taken over.")
    step_end_ms: int = Field(description="End of the step at which it was decided, in event time.")
    watermark_ms: int | None = Field(None, description="The least watermark when it was decided.")
    decided: Decided = Field(description="early: before the watermark; on_time: at it; signal: by a critical error.")
    completeness: float | None = Field(None, ge=0, le=1, description="Share of sources that had nothing more to say.")
    started_ms: int = Field(description="When the breach of this episode began, in event time.")
    fired_ms: int | None = Field(None, description="When it became firing, in event time; null if it has not.")
    resolved_ms: int | None = Field(None, description="When it was resolved, in event time; null if it is not.")
    notify: bool = Field(description="Whether people are told of this transition.")
    notify_reason: str = Field(
        description="Why they are told, or why not.",
        examples=["NOTIFY_FIRST", "NOTIFY_RESOLVED", "NOTIFY_ESCALATED", "SUPPRESS_COOLDOWN", "SUPPRESS_PENDING"],
    )
    summary: str = Field(description="One sentence for people.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels of the rule, for routing.")
    sample_events: list[AlertSample] = Field(default_factory=list, description="Some of the events behind it.")
    sql: str = Field("", description="SQL that shows the events behind it, ready to paste.")
    bound: float | None = Field(
        None, description="What was compared in place of the value: its bound, where the rule asks for a confidence."
    )
    runbook: str | None = Field(None, description="Link for whoever is called, from the rule.")
    rule_version: str | None = Field(None, description="Which version of the rule decided: a short hash of it.")
