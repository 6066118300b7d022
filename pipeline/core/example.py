"""An example: one of the events behind a figure. It travels with snapshots but is no part of what is counted."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["failed", "client_error", "slow", "warning", "error", "critical"]
SEVERITIES: tuple[Kind, ...] = ("warning", "error", "critical")
"""Kinds of error events, by the value of their flags. A `client_error` is a call that failed by its caller's fault."""


class Example(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One event. Identity: its source, `offset` and `index`."""

    kind: Kind
    offset: int
    index: int  # place in the record's array, 0 for a single object
    timestamp_ms: int
    duration_us: int  # 0 of error events
    event_id: str
    request_id: str | None
    trace_id: str | None
    message: str


class RowExample(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An example of the series in row `row` of a snapshot's block."""

    row: int
    example: Example
