"""What the evaluator says of alerts: transitions, and the states that are true now."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from faults.verdict.log import digest
from faults.verdict.stats_log import dimensions_text
from pipeline.core.series import Series


class ToldAlert(msgspec.Struct):
    """What is compared of one alert."""

    alert_id: str
    episode: int
    sequence: int
    rule: str
    rule_type: str
    state: str
    environment: str
    service: str
    operation: str
    window: str
    samples: int
    step_end_ms: int
    started_ms: int
    comparison: str
    summary: str
    decided: str
    threshold: float | None = None
    fired_ms: int | None = None
    resolved_ms: int | None = None
    dimensions: dict[str, str] = {}

    @property
    def about(self) -> tuple[str, Series]:
        """The rule and the series."""
        return (self.rule, Series(self.environment, self.service, self.operation, dimensions_text(self.dimensions)))


@dataclass(slots=True)
class Heard:
    """A transition as it first stood on the topic: the how-many-th, and when Kafka took it in."""

    alert: ToldAlert
    digest: str
    order: int
    at_ms: int


_decoder = msgspec.json.Decoder(ToldAlert)


@dataclass
class Alerts:
    """Everything that was said so far."""

    heard: dict[tuple[str, int], Heard] = field(default_factory=dict)
    states: dict[bytes, bytes] = field(default_factory=dict)
    repeated: int = 0
    complaints: list[str] = field(default_factory=list)

    def take(self, value: bytes, at_ms: int) -> None:
        """Take in a transition."""
        alert, now = _decoder.decode(value), digest(value)
        known = self.heard.get((alert.alert_id, alert.sequence))
        if known is None:
            self.heard[alert.alert_id, alert.sequence] = Heard(alert, now, len(self.heard), at_ms)
            return
        self.repeated += 1
        if known.digest != now:
            self.complaints.append(f"{alert.rule} {alert.alert_id} sequence {alert.sequence}: two contents")

    def take_state(self, key: bytes, value: bytes | None) -> None:
        """Take in a record of the table of states."""
        if value is None:
            self.states.pop(key, None)
        else:
            self.states[key] = value
