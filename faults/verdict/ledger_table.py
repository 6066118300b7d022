"""The loss ledger: by producer and minute, where every event that was sent has come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from faults.facts import ProducerAccount
from faults.verdict.ledger import Ledgers

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Line:
    """One producer in one minute; in `totalled` lines the minute is empty.

    sent = acknowledged + aborted + unknown; acknowledged + found = counted + late + dead + lost. `unknown` have no
    answer of the broker; `found` are in the log although not acknowledged. `repeated` are in the log more than once.
    """

    minute: str
    producer: str
    kind: str
    sent: int
    acknowledged: int
    aborted: int
    unknown: int
    found: int
    counted: int
    late: int
    dead: int
    lost: int
    repeated: int


def line_columns() -> list[str]:
    """Return the names of the columns that are numbers."""
    return [field.name for field in fields(Line)][3:]


@dataclass(frozen=True, slots=True)
class BootAccount:
    """One boot's events: an array each, by sequence."""

    producer: ProducerAccount
    minute: Int64s
    acknowledged: Bools
    aborted: Bools
    times: npt.NDArray[np.uint8]
    dead: Bools
    late: Bools
    beyond: int  # events in the log that the producer says it never sent

    @property
    def unknown(self) -> Bools:
        """Which were sent without an answer."""
        return ~self.acknowledged & ~self.aborted

    @property
    def lost(self) -> Bools:
        """Which were acknowledged and are not in the log."""
        return np.asarray(self.acknowledged & (self.times == 0))


def boot_account(producer: ProducerAccount, ledgers: Ledgers, late: Int64s) -> BootAccount:
    """Return the account of one boot; `late` are the sequences of its late events."""
    log = ledgers.log_of((producer.producer, producer.boot))
    every = np.arange(producer.sent)
    return BootAccount(
        producer=producer,
        minute=log.minutes_of(every),
        acknowledged=_within(producer.acknowledged, producer.sent),
        aborted=_within(producer.aborted, producer.sent),
        times=log.times(every),
        dead=_chosen(np.concatenate(log.dead) if log.dead else np.zeros(0, np.int64), producer.sent),
        late=_chosen(late, producer.sent),
        beyond=int(log.seen[producer.sent :].sum()),
    )


def _within(ranges: Iterable[tuple[int, int]], size: int) -> Bools:
    chosen = np.zeros(size, np.bool_)
    for first, past in ranges:
        chosen[first:past] = True
    return chosen


def _chosen(places: Int64s, size: int) -> Bools:
    chosen = np.zeros(size, np.bool_)
    chosen[places[places < size]] = True
    return chosen


def lines_of(boots: Sequence[BootAccount]) -> tuple[Line, ...]:
    """Return the ledger by producer and minute."""
    found: dict[tuple[int, str, str], Int64s] = {}
    for boot in boots:
        present = boot.times > 0
        columns = {
            "sent": np.ones(boot.producer.sent, np.bool_),
            "acknowledged": boot.acknowledged,
            "aborted": boot.aborted,
            "unknown": boot.unknown,
            "found": ~boot.acknowledged & present,
            "counted": present & ~boot.late & ~boot.dead,
            "late": boot.late & present,
            "dead": boot.dead & present,
            "lost": boot.lost,
            "repeated": boot.times > 1,
        }
        minutes, place = np.unique(boot.minute, return_inverse=True)
        sums = np.column_stack([np.bincount(place[columns[name]], minlength=len(minutes)) for name in line_columns()])
        for row, minute in enumerate(minutes.tolist()):
            key = (minute, boot.producer.producer, boot.producer.kind)
            found[key] = found.get(key, 0) + sums[row]
    return tuple(
        Line(_clock(minute), producer, kind, *found[minute, producer, kind].tolist())
        for minute, producer, kind in sorted(found)
    )


def totalled(lines: Iterable[Line]) -> list[Line]:
    """Return one line for each producer, and one for all."""
    every = list(lines)
    producers = sorted({(line.producer, line.kind) for line in every})
    chosen = [(name, kind, [line for line in every if line.producer == name]) for name, kind in producers]
    return [
        Line("", name, kind, *(sum(getattr(line, column) for line in of) for column in line_columns()))
        for name, kind, of in (*chosen, ("all", "", every))
    ]


def _clock(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%H:%M}"
