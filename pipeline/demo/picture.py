"""What the live view shows, kept up to date from the topics `live`, `stats` and `alerts`."""

from __future__ import annotations

from collections import Counter, deque

import msgspec

from pipeline.cli.stats_table import SeriesKey, key_of
from pipeline.cli.topic_reader import Read
from pipeline.topics import Topics
from schemas.structs import Alert, StatsRecord, decode

HISTORY_STEPS = 24
_ALERTS_KEPT = 50


class Live(msgspec.Struct, tag="live", tag_field="type", frozen=True):
    """A bundle of stats in the making: all series of one shard, as the evaluator sees them now."""

    shard: int
    as_of_ms: int
    records: list[StatsRecord]


_live_decoder = msgspec.json.Decoder(Live)


class Picture:
    """The newest stats of each series, the calls per second of its last steps, and the alerts of this run."""

    def __init__(self, topics: Topics, history_window: str) -> None:
        self.stats: dict[SeriesKey, StatsRecord] = {}
        self.history: dict[SeriesKey, deque[float]] = {}
        self.alerts: deque[Alert] = deque(maxlen=_ALERTS_KEPT)
        self.fired = 0
        self.resolved = 0
        self._topics = topics
        self._window = history_window
        self._seen: set[tuple[str, int]] = set()
        self._step_ms: dict[SeriesKey, int] = {}

    def add(self, read: Read) -> list[Alert]:
        """Take one record of any of the three topics in; return the alert in it if it is a new transition."""
        if read.value is None:
            return []
        if read.topic == self._topics.live:
            for stats in _live_decoder.decode(read.value).records:
                self._show(stats)
            return []
        record = decode(read.value)
        if isinstance(record, StatsRecord):
            self._show(record)
            self._remember(record)
        return self._alert(record) if isinstance(record, Alert) else []

    def most_eventful(self) -> str | None:
        """Return the id of the alert with the most transitions of those that people were told of, or None."""
        told = {alert.alert_id for alert in self.alerts if alert.notify}
        counts = Counter(alert.alert_id for alert in self.alerts if alert.alert_id in told)
        return counts.most_common(1)[0][0] if counts else None

    def _show(self, record: StatsRecord) -> None:
        """What is in the making is newer than any finished step, until a later step comes."""
        shown = self.stats.get(key_of(record))
        if shown is None or record.step_end_ms >= shown.step_end_ms:
            self.stats[key_of(record)] = record

    def _remember(self, record: StatsRecord) -> None:
        key, window = key_of(record), record.windows.get(self._window)
        if window is not None and record.step_end_ms > self._step_ms.get(key, 0):
            self._step_ms[key] = record.step_end_ms
            self.history.setdefault(key, deque(maxlen=HISTORY_STEPS)).append(window.rate_per_second)

    def _alert(self, alert: Alert) -> list[Alert]:
        if (alert.alert_id, alert.sequence) in self._seen:
            return []
        self._seen.add((alert.alert_id, alert.sequence))
        self.alerts.append(alert)
        self.fired += alert.state == "firing" and alert.previous_state not in ("firing", "recovering")
        self.resolved += alert.state == "resolved"
        return [alert]
