"""What the events of one producer say, decided by the seed alone; only numbers and times are filled in later.

Decisions are made once for a ring of records, so that making an event costs next to nothing while the load runs.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from enum import Enum, auto

DISORDER_MS = 1_500
"""Less than the pipeline waits for by default, 2 s: such events are in order as far as results go."""
WITHIN_LATENESS_MS = (3_000, 20_000)
TOO_LATE_MS = (180_000, 480_000)
SOON_MS = (3_000, 15_000)
"""Ahead of the broker's clock, and still accepted."""
REFUSED_MS = (90_000, 600_000)
"""Further ahead than `future_limit_ms`."""

ORDINARY = 28
SERVICES = 20
RING = 2_003  # a prime
_SIZES = (1, 1, 1, 1, 1, 2, 5, 10, 30)
_HALF_BAD = (b'{"type":"operation"}', b"17", b'{"type":"operation","event_id":"x","timestamp_ms":1,"service":"s"}')


class Kind(Enum):
    """How a producer chooses the keys, and with them the partitions, of its records."""

    BY_OPERATION = "by-operation"
    BY_USER = "by-user"
    NO_KEY = "no-key"
    HOT_KEY = "hot-key"
    TRANSACTIONS = "transactions"


SHARE = {
    Kind.BY_OPERATION: 0.3,
    Kind.BY_USER: 0.27,
    Kind.NO_KEY: 0.27,
    Kind.HOT_KEY: 0.1,
    Kind.TRANSACTIONS: 0.06,
}
"""Of the whole load. One partition gets everything of the hot key."""


class Flavour(Enum):
    """What is special about a record."""

    ORDINARY = auto()
    LATE = auto()
    TOO_LATE = auto()
    SOON = auto()
    REFUSED = auto()
    DUPLICATE = auto()
    HALF_BAD = auto()
    NOT_JSON = auto()
    NOT_UTF8 = auto()
    NO_VALUE = auto()
    WRONG_TOPIC = auto()


_IN_RING = {
    Flavour.LATE: 6,
    Flavour.TOO_LATE: 2,
    Flavour.SOON: 1,
    Flavour.REFUSED: 1,
    Flavour.DUPLICATE: 4,
    Flavour.HALF_BAD: 2,
    Flavour.NOT_JSON: 1,
    Flavour.NOT_UTF8: 1,
    Flavour.NO_VALUE: 1,
    Flavour.WRONG_TOPIC: 1,
}
"""How many records of a ring are not ordinary: one in a hundred."""


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One event: how far its time is from now, and its text after the time, by whether a storm rages."""

    behind_ms: int
    calm: bytes
    storm: bytes


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """One record: its events, and where it goes. `number` is for whatever else is to be decided."""

    flavour: Flavour
    error: bool
    array: bool
    key: bytes | None
    number: int
    events: tuple[EventPlan, ...]


def ring(seed: int, kind: Kind, series: int) -> list[RecordPlan]:
    """Return the records of a producer; it sends them in this order, again and again."""
    rng = random.Random(f"{seed}/content/{kind.value}")
    # Many series for those that keep each in one partition; else every series would be in every partition.
    names = _operations(series if kind is Kind.BY_OPERATION else 2 * ORDINARY)
    return [_record(rng, kind, names, flavour) for flavour in _flavours(rng)]


def _operations(series: int) -> list[tuple[str, str]]:
    return [(f"service-{n % SERVICES:02d}", f"operation-{n:04d}") for n in range(series)]


def _flavours(rng: random.Random) -> list[Flavour]:
    """The flavour of each record of a ring; every one is there."""
    special = [flavour for flavour, count in _IN_RING.items() for _ in range(count)]
    found = special + [Flavour.ORDINARY] * (RING - len(special))
    rng.shuffle(found)
    return found


def _record(rng: random.Random, kind: Kind, names: list[tuple[str, str]], flavour: Flavour) -> RecordPlan:
    error = rng.random() < 0.03
    size = rng.choice(_SIZES)
    keyed = rng.choice(names[:ORDINARY]) if rng.random() < 0.6 else rng.choice(names)
    user = f"u{rng.randrange(5_000):04d}"
    # By operation, a record holds one operation's events; else any.
    chosen = [keyed if kind is Kind.BY_OPERATION else rng.choice(names[:ORDINARY]) for _ in range(size - 1)]
    behind_ms = _behind_ms(rng, flavour)
    events = tuple(_event(rng, one, user, behind_ms, error=error) for one in [keyed, *chosen])
    key = {Kind.BY_OPERATION: keyed[1], Kind.BY_USER: user, Kind.HOT_KEY: "hot"}.get(kind)
    array = size > 1 or rng.random() < 0.1
    return RecordPlan(flavour, error, array, key.encode() if key else None, rng.getrandbits(32), events)


def _behind_ms(rng: random.Random, flavour: Flavour) -> int | None:
    """How far all events of such a record are from now; None: each by itself, within the disorder."""
    bounds = {Flavour.LATE: WITHIN_LATENESS_MS, Flavour.TOO_LATE: TOO_LATE_MS}.get(flavour)
    if bounds:
        return rng.randrange(*bounds)
    ahead = {Flavour.SOON: SOON_MS, Flavour.REFUSED: REFUSED_MS}.get(flavour)
    return -rng.randrange(*ahead) if ahead else None


def _event(rng: random.Random, name: tuple[str, str], user: str, behind_ms: int | None, *, error: bool) -> EventPlan:
    behind = rng.randrange(DISORDER_MS) if behind_ms is None else behind_ms
    duration_ms = round(rng.lognormvariate(3, 1), 3)
    storms = int(name[1][-4:]) % 7 == 0  # a storm hits one operation in seven
    failed, failed_in_storm = rng.random() < 0.01, storms and rng.random() < 0.5
    if error:
        return EventPlan(behind, _error(name, user, "error"), _error(name, user, _severity(rng)))
    return EventPlan(
        behind,
        _operation(name, user, duration_ms, failed=failed),
        _operation(name, user, duration_ms * (20 if storms else 1), failed=failed or failed_in_storm),
    )


def _severity(rng: random.Random) -> str:
    return "critical" if rng.random() < 0.02 else "warning"


def _operation(name: tuple[str, str], user: str, duration_ms: float, *, failed: bool) -> bytes:
    fields = {"duration_ms": round(duration_ms, 3), "success": not failed, "status_code": 500 if failed else 200}
    return _ending({**_who(name, user), **fields})


def _error(name: tuple[str, str], user: str, severity: str) -> bytes:
    return _ending({**_who(name, user), "severity": severity, "error_type": "Broken", "message": "made by the load"})


def _who(name: tuple[str, str], user: str) -> dict[str, object]:
    return {"service": name[0], "operation": name[1], "user_id": user}


def _ending(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()[1:]


def half_bad(number: int) -> bytes:
    """Return an element of an array that must be refused, its neighbours not."""
    return _HALF_BAD[number % len(_HALF_BAD)]
