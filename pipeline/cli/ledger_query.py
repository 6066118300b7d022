"""The loss ledger, asked of the history in slices, each small enough for the memory and the time of a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from clickhouse_connect.driver.client import Client

MINUTE_MS = 60_000
SLICE_EVENTS = 4_000_000
"""Events in one query: some seconds, and some hundred megabytes."""

_MINUTES = """
SELECT toUnixTimestamp(toStartOfMinute(received_at)) * 1000 AS minute_ms, count() FROM ledger_events
WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    AND received_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
GROUP BY minute_ms ORDER BY minute_ms
"""
_LEDGER = """
SELECT producer_id, boot_id, toUnixTimestamp(minute) * 1000 AS minute_ms,
    produced, counted, late, dead, lost, in_flight, repeated, first_sequence, last_sequence
FROM ledger(
    from = fromUnixTimestamp64Milli({from:Int64}, 'UTC'),
    to = fromUnixTimestamp64Milli({to:Int64}, 'UTC'),
    settled = fromUnixTimestamp64Milli({settled:Int64}, 'UTC')
)
WHERE {producer:String} = '' OR producer_id = {producer:String}
ORDER BY minute_ms, producer_id, boot_id
"""


class Account(msgspec.Struct, frozen=True):
    """What became of the events that were produced: each is in one of the others, and `repeated` is in none.

    - `late`: after their pane had closed; `dead`: refused, with a reason; `lost`: never seen
    - `in_flight`: not yet counted, or missing for too short a time to be called lost
    - `repeated`: records beyond the first with the same number; they were counted again
    """

    produced: int = 0
    counted: int = 0
    late: int = 0
    dead: int = 0
    lost: int = 0
    in_flight: int = 0
    repeated: int = 0

    def __add__(self, other: Account) -> Account:
        mine, others = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Account(*(one + another for one, another in zip(mine, others, strict=True)))

    @property
    def completeness(self) -> float | None:
        """Share of the produced events that were counted; None for none."""
        return self.counted / self.produced if self.produced else None


class Line(msgspec.Struct, frozen=True):
    """One line of the ledger. `boot_id` and `minute_ms` are None where the line is about all of them."""

    producer_id: str
    boot_id: str | None
    minute_ms: int | None
    account: Account
    first_sequence: int | None = None
    last_sequence: int | None = None


def read_ledger(
    client: Client, since_ms: int, until_ms: int, settled_ms: int, producer: str, tell: Callable[[int], None]
) -> list[Line]:
    """Return a line for every producer, boot and minute of the range; `tell` is called with the events read so far.

    A hole whose next event came at or after `settled_ms` is in flight. An empty `producer` means all of them.
    """
    lines: list[Line] = []
    events = 0
    minutes = client.query(_MINUTES, {"from": since_ms, "to": until_ms}).result_rows
    for from_ms, to_ms, within in slices(minutes, since_ms, until_ms):
        asked = {"from": from_ms, "to": to_ms, "settled": settled_ms, "producer": producer}
        lines += [
            Line(who, boot, minute_ms, Account(*numbers[:7]), *numbers[7:])
            for who, boot, minute_ms, *numbers in client.query(_LEDGER, asked).result_rows
        ]
        events += within
        tell(events)
    return lines


def slices(
    minutes: Iterable[tuple[int, int]], since_ms: int, until_ms: int, most: int = SLICE_EVENTS
) -> Iterator[tuple[int, int, int]]:
    """Yield ranges of whole minutes with at most so many events each, and their events: from, to, events.

    The first begins at `since_ms` and the last ends at `until_ms`; a minute with more is a range by itself.
    """
    from_ms, within = since_ms, 0
    for minute_ms, events in minutes:
        if within and within + events > most:
            yield from_ms, minute_ms, within
            from_ms, within = minute_ms, 0
        within += events
    if within:
        yield from_ms, until_ms, within


def grouped(lines: Iterable[Line], *, boots: bool, minutes: bool) -> list[Line]:
    """Return the lines added up by producer, and by boot or minute where asked for; in the order of their coming."""
    found: dict[tuple[str, str | None, int | None], Line] = {}
    for line in lines:
        key = line.producer_id, line.boot_id if boots else None, line.minute_ms if minutes else None
        before = found.get(key)
        found[key] = (
            _joined(before, line, boots=boots) if before else Line(*key, line.account, *_sequences(line, boots))
        )
    return list(found.values())


def _joined(before: Line, line: Line, *, boots: bool) -> Line:
    (first, last), (new_first, new_last) = _sequences(before, boots), _sequences(line, boots)
    if first is not None and new_first is not None and last is not None and new_last is not None:
        first, last = min(first, new_first), max(last, new_last)
    return Line(before.producer_id, before.boot_id, before.minute_ms, before.account + line.account, first, last)


def _sequences(line: Line, boots: bool) -> tuple[int | None, int | None]:
    """Return the first and last number; numbers of different boots have nothing to do with each other."""
    return (line.first_sequence, line.last_sequence) if boots else (None, None)


def total(lines: Iterable[Line]) -> Account:
    """Return everything added up."""
    return sum((line.account for line in lines), Account())
