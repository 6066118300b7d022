"""What the evaluator sends: stats, what is in the making, the table of latest windows, alerts, decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from pipeline.core.records import PART_SERIES
from pipeline.core.series import Series
from pipeline.evaluator.keys import windows_key
from pipeline.faust_ext.producer import Outgoing
from pipeline.topics import Topics
from schemas.structs import Alert, AlertDecision, StatsRecord

_encoder = msgspec.json.Encoder()


class LiveBundle(msgspec.Struct, kw_only=True, tag="live", tag_field="type"):
    """The windows of one shard's series in the making; on topic `live`."""

    schema_version: int = 1
    shard: int
    as_of_ms: int
    watermark_ms: int | None
    records: list[StatsRecord]


class LatestWindows(msgspec.Struct, kw_only=True, tag="windows", tag_field="type"):
    """One part of the latest windows of one shard; the value of the table `windows`."""

    schema_version: int = 1
    shard: int
    step_end_ms: int
    status: Literal["on_time"] = "on_time"
    records: list[StatsRecord]


_seen_decoder = msgspec.json.Decoder(list[tuple[Series, int]])


def encode_seen(seen: Mapping[Series, int]) -> bytes:
    """Return when series that have left all windows had their last event, as JSON; for absence after a restart."""
    return _encoder.encode(sorted(seen.items()))


def decode_seen(payload: bytes) -> dict[Series, int]:
    """Return what `encode_seen` made the JSON from."""
    return dict(_seen_decoder.decode(payload))


@dataclass(frozen=True, slots=True)
class Outbox:
    """Turns what one shard has found into records of its partition. `long`: over its long windows."""

    topics: Topics
    shard: int
    long: bool = False

    def stats(self, records: Sequence[StatsRecord]) -> Iterator[Outgoing]:
        """Yield one record per series; the key is the series, for consumers that compact."""
        topic = self.topics.long_stats if self.long else self.topics.stats
        for record in records:
            key = _key(Series(record.environment, record.service, record.operation))
            yield Outgoing(topic, self.shard, key, _encoder.encode(record))

    def live(self, as_of_ms: int, watermark_ms: int | None, records: list[StatsRecord]) -> Outgoing:
        """Return the bundle of what is in the making."""
        bundle = LiveBundle(shard=self.shard, as_of_ms=as_of_ms, watermark_ms=watermark_ms, records=records)
        return Outgoing(self.topics.live, self.shard, None, _encoder.encode(bundle))

    def windows(self, step_end_ms: int, records: list[StatsRecord]) -> dict[bytes, bytes]:
        """Return the latest windows as items of the table `windows`, PART_SERIES series each."""
        parts = range(0, max(1, len(records)), PART_SERIES)
        return {
            windows_key(self.shard, place): _encoder.encode(
                LatestWindows(shard=self.shard, step_end_ms=step_end_ms, records=records[start : start + PART_SERIES])
            )
            for place, start in enumerate(parts)
        }

    def alert(self, alert: Alert) -> Outgoing:
        """Return the record of one transition; keyed by alert, so that its transitions stay in order."""
        return Outgoing(self.topics.alerts, self.shard, alert.alert_id.encode(), _encoder.encode(alert))

    def decision(self, decision: AlertDecision) -> Outgoing:
        """Return the record of one decision; keyed by its identity."""
        return Outgoing(self.topics.decisions, self.shard, decision.decision_id.encode(), _encoder.encode(decision))


def _key(series: Series) -> bytes:
    return "/".join(series[:3]).encode()
