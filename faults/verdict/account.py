"""Everything that was folded while the run went on: what is handed from the watch to the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.verdict.commit_log import OFFSETS_TOPIC, CommitLog
from faults.verdict.log import Log
from faults.verdict.names import Names
from faults.verdict.positions import Positions
from faults.verdict.said import Alerts
from faults.verdict.stats_log import StatsLog
from faults.verdict.told import Told
from pipeline.core.series import Series
from pipeline.decode.kinds import TOPIC_OF_TYPE
from pipeline.settings import Settings
from pipeline.topics import Topics, topics_of


@dataclass
class Account:
    """The log, what is told of it, what is said of that, and how the groups moved."""

    settings: Settings
    series: Names[Series]
    sources: Names[str]
    log: Log
    told: Told
    stats: StatsLog
    commits: CommitLog
    alerts: Alerts = field(default_factory=Alerts)
    positions: Positions = field(default_factory=Positions)
    complaints: list[str] = field(default_factory=list)
    taken_ms: int = 0  # everything that was there then is in it
    cost: dict[str, float] = field(default_factory=dict)  # what the watch itself has used

    @classmethod
    def of(cls, settings: Settings) -> Account:
        """Return an empty account."""
        series: Names[Series] = Names()
        sources: Names[str] = Names()
        return cls(
            settings=settings,
            series=series,
            sources=sources,
            log=Log(settings, series, sources),
            told=Told(settings.pane_seconds * 1000, series, sources),
            stats=StatsLog(series, settings.windows),
            commits=CommitLog(settings),
        )

    def take(self, topic: str, partition: int, records: Sequence[Any], seen_ms: int) -> None:
        """Fold records of one partition, in order."""
        topics = topics_of(self.settings)
        for kind in TOPIC_OF_TYPE.values():
            if topic == getattr(topics, kind):
                self.log.take(kind, topic, partition, records, seen_ms)
                return
        for record in records:
            self._take_one(topics, topic, partition, record)

    def _take_one(self, topics: Topics, topic: str, partition: int, record: Any) -> None:
        if topic == topics.panes:
            self.told.on_panes(record.value)
        elif topic == topics.closed_panes:
            self.told.on_closed(record.key, record.value)
        elif topic == topics.late:
            self.told.on_late(record.value)
        elif topic == topics.dead:
            self.told.on_dead(record.value)
        elif topic == topics.stats:
            self.stats.take(partition, record.value)
        elif topic == topics.alerts:
            self.alerts.take(record.value, record.timestamp)
        elif topic == OFFSETS_TOPIC:
            self.commits.take(record.key, record.value, record.timestamp)
        elif topic == topics.alerts_state:
            self.alerts.take_state(record.key, record.value)


def read_topics(topics: Topics) -> tuple[str, ...]:
    """Return the topics that an account is made of."""
    return (
        *topics.events(),
        *(topics.panes, topics.closed_panes, topics.late, topics.dead, topics.stats, topics.alerts),
        topics.alerts_state,
    )
