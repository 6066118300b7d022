"""Slots and panes against the log: on Kafka, in ClickHouse, and in the evaluator's table."""

from __future__ import annotations

from collections import Counter

from faults.verdict.account import Account
from faults.verdict.expected import Expected
from faults.verdict.history import Marked
from faults.verdict.log import RAW_BITS, RAW_COLUMNS, raw_parts
from faults.verdict.sums import SERIES_MAX, Table, differences, parts_of
from faults.verdict.verdict import Check, Figure, check
from faults.verdict.words import cells_in_words


def check_panes(account: Account, expected: Expected) -> Check:
    """The newest snapshot of every slot on `panes` is what the log says, every bucket too."""
    found = account.told.found_slots()
    wrong = [*account.told.complaints.get("panes", []), *_too_many_series(account, expected)]
    wrong += cells_in_words(account, differences(expected.slots, found))
    return check("panes", "every slot on `panes` is what the log says", wrong, _figures(found))


def check_slots(account: Account, expected: Expected, found: Table) -> Check:
    """The same of the view `slots` in ClickHouse."""
    wrong = cells_in_words(account, differences(expected.slots, found))
    return check("slots", "every slot in ClickHouse is what the log says", wrong, _figures(found))


def check_closed(account: Account, expected: Expected) -> Check:
    """What the evaluator has closed, added up over its shards, is what the log says of each pane."""
    found = account.told.found_closed()
    wrong = list(account.told.complaints.get("closed_panes", []))
    wrong += cells_in_words(account, differences(expected.panes, found))
    figures = {**_figures(found), "records": len(account.told.closed), "slots that windows had passed": expected.passed}
    return check("closed_panes", "every pane was closed once, with what the log says", wrong, figures)


def _figures(found: Table) -> dict[str, Figure]:
    _, panes, _ = parts_of(found.codes)
    return {
        "rows": len(found),
        "panes": len(set(panes.tolist())),
        "events": found.total("events"),
        "error events": found.total("error_events"),
    }


def _too_many_series(account: Account, expected: Expected) -> list[str]:
    """The oracle knows nothing of overflow series: a load must keep below the caps."""
    source, pane, series = parts_of(expected.slots.codes)
    operations = [bool(name.operation) for name in account.series.listed]
    slots = zip(source.tolist(), pane.tolist(), series.tolist(), strict=True)
    most = max(Counter((of, at) for of, at, number in slots if operations[number]).values(), default=0)
    limit = account.settings.series_max
    return [f"{most} operations in one source and pane: the oracle needs {limit} at most"] if most > limit else []


def check_raw(account: Account, found: dict[str, Table]) -> Check:
    """Every event that can be used is in its raw table once, with its time and value."""
    wrong, seen = [], set()
    for kind, table in found.items():
        for cell in differences(account.log.raw[kind].table(), table, RAW_COLUMNS):
            if (kind, cell.code) in seen:
                continue
            seen.add((kind, cell.code))
            source, block = raw_parts(cell.code)
            offsets = f"offsets {block << RAW_BITS} to {((block + 1) << RAW_BITS) - 1}"
            counted = f"rows expected {cell.expected or 0}, found {cell.found or 0}"
            told = counted if cell.column == RAW_COLUMNS[0] else f"{cell.column} differ"
            wrong.append(f"{kind} of {account.sources.listed[source]}, {offsets}: {told}")
    rows = {kind: int(table.linear[:, 0].sum()) for kind, table in found.items()}
    return check("raw", "every event is in ClickHouse's raw tables, once", wrong, rows)


def check_marks(account: Account, expected: Expected, history: dict[str, Marked]) -> Check:
    """Every source's own counters say what the log says, on `panes` and in ClickHouse."""
    source, _, series = parts_of(expected.slots.codes)
    overall = [not name.service for name in account.series.listed]
    totals: dict[int, list[int]] = {number: [0, 0] for number in range(len(account.sources.listed))}
    for of, number, row in zip(source.tolist(), series.tolist(), expected.slots.linear, strict=True):
        if overall[number]:
            totals[of][0] += int(row[0])
            totals[of][1] += int(row[6])
    wrong = []
    for number, (operations, errors) in totals.items():
        name, mark = account.sources.listed[number], account.told.marks.get(account.sources.listed[number])
        late, dead = expected.late.get(number, 0), account.log.dead_by_source.get(number, 0)
        wanted = (operations, errors, late, dead)
        if name.rpartition("-")[0].endswith("samples") or (mark is None and not any(wanted)):
            continue
        told = (mark.operations, mark.errors, mark.late, mark.dead) if mark is not None else None
        wrong += [f"{name}: (operations, errors, late, dead) expected {wanted}, found {told}"] if told != wanted else []
        kept = history.get(name)
        if mark is not None and kept != Marked(mark.position, mark.operations, mark.errors, mark.late, mark.dead):
            wrong.append(f"{name}: ClickHouse has {kept}, the topic {mark}")
    figures: dict[str, Figure] = {"sources": len(account.told.marks), "late": sum(expected.late.values())}
    return check("marks", "every source has counted what the log holds", wrong, figures)


def assert_room(account: Account) -> None:
    """Raise where there are more series than a code has room for."""
    assert len(account.series.listed) < SERIES_MAX
