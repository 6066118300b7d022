"""The examples of the last minutes, by series: what the rules show in an alert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.core.example import Example, Kind
from pipeline.core.example_kinds import Wanted
from pipeline.core.records import Snapshot
from pipeline.core.series import Series
from schemas.structs import AlertSample

KEPT_MS = 300_000
"""So far behind the newest pane examples are kept. A restart reads those of the open panes again, and no others."""
MOST = 12
"""Of each kind and series; beyond it the oldest go."""
SHOWN = 3

Place = tuple[str, int, int]
"""Source, offset and index of an event."""


@dataclass(frozen=True, slots=True)
class _Kept:
    pane_start_ms: int
    place: Place
    example: Example


class ExampleStore:
    """Takes examples off snapshots, in any order and any number of times."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Series, Kind], dict[Place, _Kept]] = {}
        self._newest_ms = 0

    def take(self, snapshot: Snapshot) -> None:
        """Keep the examples that came with a snapshot."""
        for found in snapshot.examples:
            place = (snapshot.source, found.example.offset, found.example.index)
            kept = _Kept(snapshot.pane_start_ms, place, found.example)
            self._keep(Series(*snapshot.block.series[found.row]), kept)
        if snapshot.pane_start_ms > self._newest_ms:
            self._newest_ms = snapshot.pane_start_ms
            self._forget(self._newest_ms - KEPT_MS)

    def of(self, series: Series, wanted: Wanted, start_ms: int, end_ms: int) -> tuple[AlertSample, ...]:
        """Return up to SHOWN events of the series in ``[start_ms, end_ms)``: the slowest ones, or the newest."""
        kept = (one for kind in wanted.kinds for one in self._kept.get((series, kind), {}).values())
        found = [one for one in kept if start_ms <= one.example.timestamp_ms < end_ms]
        found = [one for one in found if one.example.duration_us >= wanted.least_us]
        found.sort(key=lambda one: (_worth(one.example), one.place), reverse=True)
        return tuple(_sample(one.example) for one in found[:SHOWN])

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._kept.values()))

    def _keep(self, series: Series, kept: _Kept) -> None:
        here = self._kept.setdefault((series, kept.example.kind), {})
        here[kept.place] = kept
        if len(here) > MOST:
            oldest = min(here.values(), key=lambda one: (one.pane_start_ms, _worth(one.example), one.place))
            del here[oldest.place]

    def _forget(self, before_ms: int) -> None:
        for key, here in list(self._kept.items()):
            for place in list(_older(here, before_ms)):
                del here[place]
            if not here:
                del self._kept[key]


def _older(here: dict[Place, _Kept], before_ms: int) -> Iterator[Place]:
    return (place for place, one in here.items() if one.pane_start_ms < before_ms)


def _worth(example: Example) -> int:
    return example.duration_us if example.kind == "slow" else example.timestamp_ms


def _sample(example: Example) -> AlertSample:
    return AlertSample(
        event_id=example.event_id,
        timestamp_ms=example.timestamp_ms,
        request_id=example.request_id,
        trace_id=example.trace_id,
        message=example.message,
    )
