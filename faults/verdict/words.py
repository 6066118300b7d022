"""Differences in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from faults.verdict.account import Account
from faults.verdict.clock import clock
from faults.verdict.fingerprint import explained
from faults.verdict.sums import ALL_SOURCES, Cell, parts_of_one


def cells_in_words(account: Account, cells: Iterable[Cell]) -> Iterator[str]:
    """Yield each cell with its series, pane and source, what was expected and what was found."""
    for cell in cells:
        source, pane, series = parts_of_one(cell.code)
        at = clock(pane * account.told.pane_ms)
        where = "" if source == ALL_SOURCES else f" of {account.sources.listed[source]}"
        name = account.series.listed[series]
        label = name.label() if not name.dimensions else f"{name.label()} {name.dimensions}"
        yield f"{label} pane {at}{where}: {_figure(cell)}"


def _figure(cell: Cell) -> str:
    if cell.found is None:
        return f"expected {cell.expected} events, found nothing"
    if cell.expected is None:
        return f"expected nothing, found {cell.found} events"
    if cell.column in {"buckets", "statuses"}:
        bits = (cell.found - cell.expected + 2**63) % 2**64 - 2**63
        what = explained(bits) or "more than one of them differ"
        return f"{cell.column} differ ({what})"
    return f"{cell.column} expected {cell.expected}, found {cell.found}"


def ranges_in_words(numbers: Sequence[int], most: int = 5) -> str:
    """Return ascending whole numbers as ranges: ``3, 7-9, … (12 in all)``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    shown = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in parts[:most])
    return shown if len(parts) <= most else f"{shown}, … ({len(numbers)} in all)"
