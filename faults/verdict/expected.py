"""What must be in every slot: the log less what was late, rolled up, with every doubt about lateness settled."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from faults.verdict.account import Account
from faults.verdict.events import INDEX_BITS
from faults.verdict.log import Undecided
from faults.verdict.names import Names
from faults.verdict.sums import ALL_SOURCES, Table, differences, joined, parts_of, slot_codes, summed
from pipeline.core.series import Series

Int64s = npt.NDArray[np.int64]

_SOURCE_SHIFT = 55


@dataclass(frozen=True, slots=True)
class Expected:
    """The oracle's account. `slots` have roll-ups, `panes` are the same added up over sources: what windows hold.

    Of `passed` slots nothing is in `panes`: their source was one that nobody waits for, and windows had passed them.

    `late` are the late events by number of the source, `late_of` their sequences by number of the boot. `wrong` says
    which notices of late events can't be true, and which are missing.
    """

    slots: Table
    panes: Table
    passed: int
    late: dict[int, int]
    late_of: dict[int, Int64s]
    notices: int
    believed: int
    wrong: list[str] = field(default_factory=list)


def expect(account: Account) -> Expected:
    """Return what slots and panes must hold, given the log and the notices of late events."""
    every = _joined(account.log.undecided)
    codes = every.source_codes
    told, starts = _notices(account)
    wrong = _unfounded(account, told, starts, every)
    is_late = np.isin(codes, told) | every.late
    wrong += [
        f"{_place(account, code)}: late for sure, and no notice says so"
        for code in codes[every.late & ~np.isin(codes, told)].tolist()
    ]
    counted = every.table(~is_late)
    slots = rolled_up(joined(account.log.counted.table(), counted), account.series)
    passed = _passed(account, slots)
    return Expected(
        slots=slots,
        panes=by_pane(slots.only(~passed)),
        passed=len(np.unique(_slot_of(slots.codes[passed]))),
        late=_by(every.source[is_late]),
        late_of={int(boot): every.sequence[is_late & (every.boot == boot)] for boot in np.unique(every.boot)},
        notices=len(told),
        believed=int((is_late & ~every.late).sum()),
        wrong=wrong,
    )


def rolled_up(base: Table, series: Names[Series]) -> Table:
    """Return sums with the roll-ups: each event counts in its operation, its service and its environment."""
    source, pane, number = parts_of(base.codes)
    names = list(series.listed)
    service = np.array([series[Series(name.environment, name.service, "")] for name in names], np.int64)
    overall = np.array([series[Series(name.environment, "", "")] for name in names], np.int64)
    above = overall[number] if len(number) else number
    own = np.array([bool(name.operation) for name in names], np.bool_)[number] if len(number) else number.astype(bool)
    return joined(
        base.only(own),
        base.grouped(slot_codes(source, pane, service[number] if len(number) else number)),
        base.grouped(slot_codes(source, pane, above)),
    )


def by_pane(slots: Table) -> Table:
    """Return slots added up over their sources."""
    _, pane, number = parts_of(slots.codes)
    return slots.grouped(slot_codes(ALL_SOURCES, pane, number))


def _passed(account: Account, slots: Table) -> npt.NDArray[np.bool_]:
    """Return which rows the windows had passed: of slots that may be so, those that closed panes lack to the bit.

    The log can't tell: it depends on where the other sources were when the first event came.
    """
    passed = np.zeros(len(slots), np.bool_)
    _, pane, number = parts_of(slots.codes)
    operations = np.array([bool(name.operation) for name in account.series.listed], np.bool_)
    closed = account.told.found_closed()
    for source, start in sorted(account.log.unwaited):
        here = (_slot_of(slots.codes) == _slot_of(slot_codes(source, np.array([start]), np.array([0])))) & ~passed
        shared = (pane == start) & operations[number] & np.isin(number, number[here]) & ~passed
        with_it, without = by_pane(slots.only(shared)), by_pane(slots.only(shared & ~here))
        found = closed.only(np.isin(closed.codes, with_it.codes))
        if differences(with_it, found) and not differences(without, found):
            passed |= here
    return passed


def _slot_of(codes: Int64s) -> Int64s:
    """Return codes without their series."""
    return codes - parts_of(codes)[2]


@dataclass(frozen=True, slots=True)
class _Every:
    source: Int64s
    place: Int64s
    code: Int64s
    linear: Int64s
    extremes: Int64s
    boot: Int64s
    sequence: Int64s
    late: npt.NDArray[np.bool_]

    @property
    def source_codes(self) -> Int64s:
        return self.source << _SOURCE_SHIFT | self.place

    def table(self, chosen: npt.NDArray[np.bool_]) -> Table:
        return summed(self.code[chosen], self.linear[chosen], self.extremes[chosen])


def _joined(found: list[Undecided]) -> _Every:
    if not found:
        nothing = np.zeros(0, np.int64)
        wide = np.zeros((0, 14), np.int64)
        return _Every(nothing, nothing, nothing, wide, wide[:, :2], nothing, nothing, nothing.astype(np.bool_))
    names = ("place", "code", "linear", "extremes", "boot", "sequence", "late")
    source = np.concatenate([np.full(len(one.place), one.source) for one in found])
    return _Every(source, *(np.concatenate([getattr(one, name) for one in found]) for name in names))


def _notices(account: Account) -> tuple[Int64s, Int64s]:
    """Return each event that a notice is about, once, and the start of its pane."""
    if not account.told.late:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    source, place, start_ms = np.array(account.told.late, np.int64).T
    codes, first = np.unique(source << _SOURCE_SHIFT | place, return_index=True)
    return codes, start_ms[first]


def _unfounded(account: Account, told: Int64s, starts: Int64s, every: _Every) -> list[str]:
    """Return the notices about events that were on time for sure, or that are not in the log."""
    founded = np.isin(told, every.source_codes)
    wrong = [
        f"{_place(account, code)}: on time for sure, or no event, and called late" for code in told[~founded].tolist()
    ]
    order = np.argsort(every.source_codes)
    at = order[np.searchsorted(every.source_codes, told[founded], sorter=order)]
    _, pane, _ = parts_of(every.code[at])
    elsewhere = pane * account.told.pane_ms != starts[founded]
    return wrong + [
        f"{_place(account, code)}: called late for another pane" for code in told[founded][elsewhere].tolist()
    ]


def _place(account: Account, code: int) -> str:
    place = code & ((1 << _SOURCE_SHIFT) - 1)
    source = account.sources.listed[code >> _SOURCE_SHIFT]
    return f"{source} offset {place >> INDEX_BITS} index {place & ((1 << INDEX_BITS) - 1)}"


def _by(numbers: Int64s) -> dict[int, int]:
    found, counts = np.unique(numbers, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
