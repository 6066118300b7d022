"""The topics: their names, and how each must be configured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.settings import Settings

_HOUR_MS = 3_600_000
RECORD_BYTES = 8 * 1024 * 1024
"""Greatest record on topics of ours, and on events.* (a 5 MB record must arrive to be refused with a reason)."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as the pipeline needs it. `purpose` is a sentence for `pipeline topics`."""

    name: str
    partitions: int
    purpose: str
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of all topics, with the namespace in front, if there is one."""

    prefix: str = ""

    @property
    def operations(self) -> str:
        return f"{self.prefix}events.operations"

    @property
    def errors(self) -> str:
        return f"{self.prefix}events.errors"

    @property
    def samples(self) -> str:
        return f"{self.prefix}events.samples"

    @property
    def dead(self) -> str:
        return f"{self.prefix}events.dead"

    @property
    def late(self) -> str:
        return f"{self.prefix}events.late"

    @property
    def panes(self) -> str:
        return f"{self.prefix}panes"

    @property
    def signals(self) -> str:
        return f"{self.prefix}signals"

    @property
    def stats(self) -> str:
        return f"{self.prefix}stats"

    @property
    def long_stats(self) -> str:
        return f"{self.prefix}stats.long"

    @property
    def live(self) -> str:
        return f"{self.prefix}live"

    @property
    def alerts(self) -> str:
        return f"{self.prefix}alerts"

    @property
    def alerts_state(self) -> str:
        return f"{self.prefix}alerts.state"

    @property
    def decisions(self) -> str:
        return f"{self.prefix}alerts.decisions"

    @property
    def closed_panes(self) -> str:
        return f"{self.prefix}closed-panes-changelog"

    @property
    def long_panes(self) -> str:
        return f"{self.prefix}long-panes-changelog"

    @property
    def windows(self) -> str:
        return f"{self.prefix}windows-changelog"

    @property
    def control(self) -> str:
        return f"{self.prefix}control"

    @property
    def notifications(self) -> str:
        return f"{self.prefix}notifications"

    def events(self) -> tuple[str, ...]:
        """The topics that producers write to and the aggregator reads."""
        return (self.operations, self.errors, self.samples)


def topics_of(settings: Settings) -> Topics:
    """Return the topic names under the settings' namespace."""
    return Topics(f"{settings.namespace}." if settings.namespace else "")


def specs(settings: Settings) -> Iterator[TopicSpec]:
    """Yield every topic that the pipeline needs."""
    topics, n = topics_of(settings), settings.partitions
    large = {"max.message.bytes": str(RECORD_BYTES)}
    day = {"retention.ms": str(24 * _HOUR_MS), **large}
    week = {"retention.ms": str(7 * 24 * _HOUR_MS), **large}
    month = {"retention.ms": str(30 * 24 * _HOUR_MS), **large}
    events = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(7 * 24 * _HOUR_MS), **large}
    compact = {
        "cleanup.policy": "compact",
        "segment.ms": str(_HOUR_MS // 6),
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": str(_HOUR_MS // 6),
        "delete.retention.ms": str(_HOUR_MS),
        **large,
    }
    yield TopicSpec(topics.operations, n, "operation events from services", events)
    yield TopicSpec(topics.errors, n, "error events from services", events)
    yield TopicSpec(topics.samples, n, "samples (gauges, counters) from services", events)
    yield TopicSpec(topics.dead, 1, "events that could not be used: bytes, where from, why", month)
    yield TopicSpec(topics.late, 1, "which events came after their pane was closed", week)
    yield TopicSpec(topics.panes, n, "snapshots of panes by source partition, and marks", day)
    yield TopicSpec(topics.signals, n, "critical errors, straight to the alert agent", day)
    yield TopicSpec(topics.stats, n, "rates and percentiles: a record per series and step", day)
    yield TopicSpec(topics.long_stats, n, "the same of long windows: a record per series and long pane", day)
    yield TopicSpec(topics.live, n, "windows in the making, for live views", {"retention.ms": str(_HOUR_MS), **large})
    yield TopicSpec(topics.alerts, n, "alerts: every transition, append-only", month)
    yield TopicSpec(topics.alerts_state, n, "alerts: what is true now, compacted", compact)
    yield TopicSpec(topics.decisions, n, "alerts: why each changed, or did not", week)
    yield TopicSpec(topics.closed_panes, n, "changelog of the table closed_panes", compact)
    yield TopicSpec(topics.long_panes, n, "changelog of the table long_panes", compact)
    yield TopicSpec(topics.windows, n, "changelog of the table windows", compact)
    yield TopicSpec(topics.control, 1, "what is changed at run time, such as silences, compacted", compact)
    yield TopicSpec(topics.notifications, 1, "what people were told, and what they are to be told, compacted", compact)
