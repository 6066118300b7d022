"""Two lists of the same thing against each other, in ClickHouse: what should be, from raw rows, and what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.history.cut import CUT
from pipeline.history.expected_slots import Rows, Span, expected_slots
from pipeline.history.slot_columns import SERIES, SLOT_KEY, Form, listed


@dataclass(frozen=True, slots=True)
class Sides:
    """Queries of both sides: `expected` and `found` give `key` and ``values``, a tuple of a form's columns.

    `beside` are further columns that both give, with how they come out of a group of both.
    """

    key: Sequence[str]
    expected: str
    found: str
    beside: Sequence[tuple[str, str]] = ()


def paired(sides: Sides) -> str:
    """Return a query of a row for each key on either side: the key, `is_expected`, `is_found`, `is_equal`, beside."""
    return _grouped(sides, "reinterpretAsUInt128(sipHash128(values)) AS print", f"{_PRINTS} AS is_equal")


_PRINTS = "sumIf(print, side = 0) = sumIf(print, side = 1)"
"""Tuples as they are would be slow. There is at most one row of a side, so the sum of its prints is its own."""


def paired_in_full(sides: Sides) -> str:
    """Return the same with the values of both sides, `expected` and `found`: for little, as it costs much."""
    values = "anyIf(values, side = 0) AS expected, anyIf(values, side = 1) AS found, expected = found AS is_equal"
    return _grouped(sides, "values", values)


def _grouped(sides: Sides, row: str, grouped: str) -> str:
    key = listed(sides.key)
    named = "".join(f", {name}" for name, _ in sides.beside)
    combined = "".join(f", {how} AS {name}_" for name, how in sides.beside)
    return f"""
        SELECT {key}, max(side = 0) AS is_expected, max(side = 1) AS is_found, {grouped}{combined}
        FROM (
            SELECT 0 AS side, {key}, {row}{named} FROM ({sides.expected})
            UNION ALL
            SELECT 1 AS side, {key}, {row}{named} FROM ({sides.found})
        ) GROUP BY {key}"""


def slot_sides(database: str, span: Span, rows: Rows, form: Form) -> Sides:
    """Return the sides for slots. Beside: the last offset and version, the generation of repairs, and more for those.

    A slot that a repair has emptied counts as not there.
    """
    expected = f"""
        SELECT {listed(SLOT_KEY)}, ({listed(form.columns)}) AS values,
            last_offset, toUInt64(0) AS version, toUInt64(0) AS position, toUInt16(0) AS repaired, late,
            events + error_events AS counted, received_ms, toUInt16(0) AS shard, toUInt16(0) AS part, true AS alive
        FROM ({expected_slots(database, span, rows, form)})"""
    found = f"""
        SELECT s.epoch AS epoch, s.source AS source, s.pane_ms AS pane_ms, {listed(f"s.{n} AS {n}" for n in SERIES)},
            s.values AS values, toUInt64(0) AS last_offset, s.version AS version, c.position AS position,
            s.repaired AS repaired, toUInt64(0) AS late, toUInt64(0) AS counted,
            s.received_ms AS received_ms, s.shard AS shard, s.part AS part,
            s.alive AS alive
        FROM (
            SELECT epoch, toString(source) AS source, toUnixTimestamp64Milli(pane_start) AS pane_ms,
                {listed(f"toString({name}) AS {name}" for name in SERIES)}, {form.values} AS values, version, repaired,
                toUnixTimestamp64Milli(received_at) AS received_ms, shard, part,
                repaired = 0 OR events + error_events > 0 AS alive
            FROM {database}.slots_log FINAL
            PREWHERE {span.holds("pane_start")} AND pane_seconds = {span.pane_ms // 1_000}
        ) AS s INNER JOIN {CUT} AS c ON s.epoch = c.epoch AND s.source = c.source
        WHERE s.pane_ms + {span.pane_ms} <= c.closed_ms"""
    beside = [(name, f"max({name})") for name in _BESIDE]
    return Sides(SLOT_KEY, expected, found, [*beside, ("alive", "maxIf(alive, side = 1)")])


_BESIDE = ("last_offset", "version", "position", "repaired", "late", "counted", "received_ms", "shard", "part")

DIFFERS = """(
    is_expected != (is_found AND alive_) OR (is_expected AND (
        NOT is_equal OR last_offset_ > version_)) OR (is_found AND alive_ AND version_ >= position_)
)"""
"""Whether a slot is not what its raw rows make it."""


def rollup_sides(database: str, span: Span, table: str, seconds: int, form: Form) -> Sides:
    """Return the sides for a roll-up: the slots added up, and the table."""
    key = ("pane_ms", *SERIES)
    expected = f"""
        SELECT {listed(key)}, ({listed(form.columns)}) AS values, landed, toDateTime(0, 'UTC') AS rolled FROM (
            SELECT {listed(key)}, {form.summed("s.")}, max(s.landed_at) AS landed
            FROM (
                SELECT intDiv(toUnixTimestamp64Milli(pane_start), {seconds * 1_000}) * {seconds * 1_000} AS pane_ms,
                    {listed(f"toString({name}) AS {name}" for name in SERIES)}, {form.selected}, landed_at
                FROM {database}.slots_log FINAL PREWHERE {span.holds("pane_start")}
            ) AS s GROUP BY {listed(key)}
        )"""
    found = f"""
        SELECT toUnixTimestamp64Milli(pane_start) AS pane_ms,
            {listed(f"toString({name}) AS {name}" for name in SERIES)}, {form.values} AS values,
            toDateTime(0, 'UTC') AS landed, rolled_at AS rolled
        FROM {database}.{table} FINAL PREWHERE {span.holds("pane_start")}"""
    return Sides(key, expected, found, [("landed", "max(landed)"), ("rolled", "max(rolled)")])
