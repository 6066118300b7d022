"""The loss ledger, asked of the history boot by boot: only what is near the range is read, however old a boot is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from pipeline.cli.ledger_lines import Account, Line

CHUNK_EVENTS = 2_000_000
"""Events in one query: some seconds, and some hundred megabytes."""
NEAR = 100_000
"""How many numbers before a range its predecessor is looked for, before all that the boot ever sent is read."""
_SETTINGS = {
    # All copies of a raw row say the same, so skip indexes choose rightly among copies too. Without this FINAL reads
    # nearly all that they leave out. A reader may not set it, and for slots it would be wrong.
    "use_skip_indexes_if_final_exact_mode": 0,
    "max_memory_usage": 2_000_000_000,  # sorting begins to use the disk at half of it
}

# What decides whether an event is in the range: when Kafka took it in; or when it happened, which of a refused one, and
# of one whose row ClickHouse would not take, is when Kafka took it in.
_RECEIVED = "received_at"
_HAPPENED = "ifNull(timestamp, received_at)"

_BOOTS = """
SELECT producer_id, boot_id, countIf(inside) AS events, minIf(sequence, inside), maxIf(sequence, inside)
FROM
(
    SELECT producer_id, boot_id, sequence, environment, service, timestamp, {at} AS at,
        at >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC') AND at < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
            AS inside
    FROM ledger_events
    WHERE received_at >= fromUnixTimestamp64Milli({{received_from:Int64}}, 'UTC')
        AND ({{producer:String}} = '' OR producer_id = {{producer:String}})
)
GROUP BY producer_id, boot_id
HAVING events > 0 AND ({{environment:String}} = '' OR countIf(
    timestamp < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC') AND environment = {{environment:String}}
    AND ({{service:String}} = '' OR service = {{service:String}})) > 0)
ORDER BY producer_id, boot_id
"""
_BEFORE = """
SELECT max(sequence), count() FROM ledger_events
WHERE producer_id = {producer:String} AND boot_id = {boot:String}
    AND sequence >= {near:UInt64} AND sequence < {first:UInt64}
"""
_NUMBERS = """
SELECT
    toUnixTimestamp(toStartOfMinute(received_at)) * 1000 AS minute_ms,
    countIf(inside AND first) + sumIf(hole, inside) AS produced,
    countIf(inside AND first AND fate = 'counted'), countIf(inside AND first AND fate = 'late'),
    countIf(inside AND first AND fate = 'dead'), sumIf(hole, inside AND settled),
    countIf(inside AND first AND fate = 'in flight') + sumIf(hole, inside AND NOT settled),
    countIf(inside AND NOT first AND in_raw),
    minIf(sequence, inside), maxIf(sequence, inside), max(sequence)
FROM
(
    SELECT
        sequence, fate, in_raw, received_at, {at} AS at,
        at >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC') AND at < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
            AS inside,
        received_at < fromUnixTimestamp64Milli({{settled:Int64}}, 'UTC') AS settled,
        lagInFrame(toInt64(sequence), 1, {{before:Int64}}) OVER by_number AS previous,
        sequence > previous AS first,
        if(first, sequence - previous - 1, 0) AS hole
    FROM ledger_events
    WHERE producer_id = {{producer:String}} AND boot_id = {{boot:String}}
        AND sequence >= {{first:UInt64}} AND sequence <= {{last:UInt64}}
    WINDOW by_number AS (ORDER BY sequence, fate, in_raw DESC, received_at)
)
GROUP BY minute_ms
ORDER BY minute_ms
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is asked for: events from `from_ms` to `to_ms`, by Kafka's time or, with `happened`, by their own.

    - `settled_ms`: a hole whose next event came at or after it is in flight
    - `producer`: only this one; empty: all
    - `environment`, `service`: only boots that sent an event of them in the range or up to `look_back_ms` before it; an
      empty environment: all boots; an empty service: all of the environment
    """

    from_ms: int
    to_ms: int
    settled_ms: int
    happened: bool = False
    producer: str = ""
    environment: str = ""
    service: str = ""
    look_back_ms: int = 0

    @property
    def at(self) -> str:
        """The time that decides, in SQL."""
        return _HAPPENED if self.happened else _RECEIVED


@dataclass(frozen=True, slots=True)
class Boot:
    """A boot with events in the range: how many records have one, its least and its greatest number there."""

    producer_id: str
    boot_id: str
    events: int
    lowest: int
    highest: int


def read_ledger(
    client: Client, wanted: Range, tell: Callable[[int, int], None], most: int = CHUNK_EVENTS
) -> list[Line]:
    """Return a line for every boot and minute of the range; `tell` is called with the events read so far, and of all.

    Exact for any range: the number before the range's first is known, and so is what lies outside between two of its
    numbers. Costs what the range holds; a boot whose number is missing at the edge is read from its beginning. `client`
    is no reader's, since it chooses settings.
    """
    boots = boots_in(client, wanted)
    everything, done, lines = sum(boot.events for boot in boots), 0, list[Line]()
    for boot in boots:
        lines += _lines_of(client, boot, wanted, most)
        done += boot.events
        tell(done, everything)
    return sorted(lines, key=lambda line: (line.minute_ms or 0, line.producer_id, line.boot_id or ""))


def boots_in(client: Client, wanted: Range) -> list[Boot]:
    """Return the boots with an event in the range."""
    asked = {
        "from": wanted.from_ms,
        "to": wanted.to_ms,
        "received_from": wanted.from_ms - wanted.look_back_ms,
        "producer": wanted.producer,
        "environment": wanted.environment,
        "service": wanted.service,
    }
    return [Boot(*row) for row in _ask(client, _BOOTS.format(at=wanted.at), asked)]


def _lines_of(client: Client, boot: Boot, wanted: Range, most: int) -> Iterator[Line]:
    asked = {
        "from": wanted.from_ms,
        "to": wanted.to_ms,
        "settled": wanted.settled_ms,
        "producer": boot.producer_id,
        "boot": boot.boot_id,
    }
    before = _number_before(client, boot)
    for first, last in chunks(boot, most):
        found = _ask(client, _NUMBERS.format(at=wanted.at), {**asked, "before": before, "first": first, "last": last})
        for minute_ms, *numbers, lowest, highest, _ in found:
            account = Account(*numbers)
            if account.produced or account.repeated:
                yield Line(boot.producer_id, boot.boot_id, minute_ms, account, lowest, highest)
        before = max([before, *(row[-1] for row in found)])


def _number_before(client: Client, boot: Boot) -> int:
    """Return the greatest number of the boot below its first one in the range, whenever it came; -1 for none."""
    asked = {"producer": boot.producer_id, "boot": boot.boot_id, "first": boot.lowest}
    for near in {max(boot.lowest - NEAR, 0): None, 0: None} if boot.lowest else {}:
        ((number, found),) = _ask(client, _BEFORE, {**asked, "near": near})
        if found:
            return int(number)
    return -1


def _ask(client: Client, query: str, asked: dict[str, object]) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = client.query(query, asked, settings=_SETTINGS).result_rows
    return rows


def chunks(boot: Boot, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of numbers, both ends included, that together are all between the boot's least and greatest.

    As many as its events ask for, at most so many in each if they are spread evenly.
    """
    parts = -(-boot.events // most)
    width = -(-(boot.highest - boot.lowest + 1) // parts)
    for first in range(boot.lowest, boot.highest + 1, width):
        yield first, min(first + width - 1, boot.highest)
