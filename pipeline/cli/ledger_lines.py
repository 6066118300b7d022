"""The lines of the loss ledger: what became of the events of a producer, of one of its boots, in one minute."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


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
