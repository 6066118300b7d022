"""How far the history is settled: of each source partition, up to which offset and up to which pane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client

NEVER_MS = -(2**62)


@dataclass(frozen=True, slots=True)
class Source:
    """One source partition of one epoch, for example ``events.operations-3``."""

    epoch: int
    name: str

    @property
    def topic(self) -> str:
        """The topic it is a partition of."""
        return self.name.rpartition("-")[0]

    @property
    def partition(self) -> int:
        """Its number there."""
        return int(self.name.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a source has come: events below `position` were counted or late; panes up to `closed_ms` are final."""

    position: int
    closed_ms: int


@dataclass(frozen=True, slots=True)
class Cut:
    """What is compared: of each source, events below its position in panes that end at or before its `closed_ms`.

    `windows_ms` is the same for steps: windows of a shard are compared up to there; None: up to the last one told.
    `long_windows_ms` is that of long windows.
    """

    reached: Mapping[Source, Reach]
    windows_ms: Mapping[int, int] | None = None
    long_windows_ms: Mapping[int, int] | None = None

    def parameters(self) -> dict[str, object]:
        """Return the cut as parameter of statements that contain `CUT`."""
        return {
            "cut": [
                (source.epoch, source.name, source.topic, source.partition, reach.position, reach.closed_ms)
                for source, reach in self.reached.items()
            ]
        }

    def without(self, sources: frozenset[Source]) -> Cut:
        """Return the cut that leaves some sources out altogether."""
        nothing = Reach(0, NEVER_MS)
        return replace(self, reached={one: nothing if one in sources else reach for one, reach in self.reached.items()})

    def closed_through_ms(self) -> int | None:
        """Return up to where panes are closed at every source that is not far behind; None where none is."""
        closed = [reach.closed_ms for reach in self.reached.values() if reach.closed_ms > NEVER_MS]
        newest = max(closed, default=None)
        return None if newest is None else min(one for one in closed if one >= newest - _FAR_BEHIND_MS)


_FAR_BEHIND_MS = 3_600_000

CUT = """(
    SELECT c.1 AS epoch, c.2 AS source, c.3 AS topic, c.4 AS partition, c.5 AS position, c.6 AS closed_ms
    FROM (SELECT arrayJoin({cut:Array(Tuple(UInt32, String, String, UInt32, UInt64, Int64))}) AS c)
)"""
"""The cut as a table in a statement."""


def read_cut(client: Client, database: str) -> Cut:
    """Return how far every source has come, by the newest mark that has landed."""
    rows = client.query(f"""
        SELECT epoch, source, position, toUnixTimestamp64Milli(closed_through) FROM {database}.source_marks_log FINAL
    """).result_rows
    return Cut(
        {
            Source(int(epoch), str(name)): Reach(int(position), NEVER_MS if closed_ms is None else int(closed_ms))
            for epoch, name, position, closed_ms in rows
        }
    )
