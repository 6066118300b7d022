"""A decision of the alert engine, as it stands on the topic `alerts.decisions`: what changed, what did not, and why.

A record is written for all that changes an alert, and for what keeps one from changing although something was seen:
too few samples, data that is missing. The notifier writes one for all that keeps it from telling people, or from doing
so now: those have `held_ms`, and their other fields say what people were not told of. `schemas/structs.py` has the same
record as a fast struct, for whoever writes it; a test holds the two together.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.alert import AlertPhase, AlertSeverity, Decided


class AlertDecision(BaseModel):
    """One decision about one rule on one series.

    `decision_id` is its identity: the same decision taken again after a restart has the same. What is decided again at
    each step is written when it begins, and then once a minute.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    type: Literal["alert_decision"] = Field("alert_decision", description="Always `alert_decision`.")
    schema_version: int = Field(1, ge=1, description="Version of this contract. Later ones only add fields.")
    decision_id: str = Field(
        description="Made from rule, series, step_end_ms, decided, reason, and the alert's transition; of the "
        "notifier's from the alert's transition, channel, reason, held_by, author, until_ms and answer."
    )
    rule: str = Field(description="Name of the rule.")
    rule_type: str = Field(description="What the rule watches; empty if the rule was not there any more.")
    rule_version: str = Field(description="Hash of the rule as it was; empty if it was not there any more.")
    environment: str = Field(description="Environment of the series.")
    service: str = Field(description="Service of the series; empty: over all services.")
    operation: str = Field(description="Operation of the series; empty: over all operations.")
    dimensions: dict[str, str] = Field(default_factory=dict, description="Further dimensions of the series.")
    series: str = Field(description="The series as people write it.", examples=["prod/checkout/pay"])
    step_end_ms: int = Field(description="End of the step at which it was decided, in event time.")
    decided: Decided = Field(description="early: before the watermark; on_time: at it; signal: by a critical error.")
    since_ms: int = Field(description="The step from which on the same was decided; of a change, step_end_ms.")
    state: AlertPhase = Field(description="State after the decision.")
    previous_state: AlertPhase = Field(description="State before it.")
    severity: AlertSeverity | None = Field(None, description="Severity after it, if there is an alert.")
    alert_id: str | None = Field(None, description="The alert it is about, if there is one.")
    sequence: int | None = Field(None, description="The alert's last transition after the decision.")
    reason: str = Field(
        description="Why.", examples=["BREACH", "WAITING", "MIN_SAMPLES", "FROZEN_INCOMPLETE", "SILENCED_BY"]
    )
    notice: str | None = Field(
        None,
        description="Why people are told of the change, or why not; null if nothing changed.",
        examples=["NOTIFY_FIRST", "SUPPRESS_COOLDOWN"],
    )
    value: float | None = Field(None, description="What was measured; null where nothing was, or it was not kept.")
    threshold: float | None = Field(
        None, description="What it was compared with: the threshold of the severity; where nothing changed, the least."
    )
    comparison: str = Field(description="How it was compared; a breach is `value comparison threshold`.")
    unit: str = Field(description="Unit of value and threshold.")
    samples: int | None = Field(None, ge=0, description="How many events the value was taken over.")
    min_samples: int | None = Field(None, ge=0, description="How many the rule asks for.")
    window: str = Field(description="Length of the window; empty where the rule has none.")
    window_start_ms: int = Field(description="First millisecond of the window.")
    window_end_ms: int = Field(description="First millisecond after the window.")
    watermark_ms: int | None = Field(None, description="The least watermark when it was decided.")
    completeness: float | None = Field(None, ge=0, le=1, description="Share of sources that had nothing more to say.")
    channel: str | None = Field(
        None, description="The channel that the notifier did not send to, or not yet; null where it is about none."
    )
    held_by: str | None = Field(
        None,
        description="What kept people from being told: id of the silence or acknowledgement, name of the maintenance "
        "window, inhibition and the alert that hides it, key of the notice that was given up.",
    )
    author: str | None = Field(None, description="Who ordered that, of a silence or an acknowledgement.")
    until_ms: int | None = Field(None, description="When that ends, by the clock; null if it is not known.")
    answer: str | None = Field(None, description="What the channel said when the notice was given up.")
    held_ms: int | None = Field(
        None, description="When the notifier decided it, by its clock; null in what the alert engine decided."
    )
