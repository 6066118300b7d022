"""Restores tables from their changelogs, a fetched batch at a time.

Faust's own way makes four tasks for every record, which takes most of a restart, and it goes on past a record that it
could not apply. Here one that can't be applied ends the worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faust.types import TP


def restore_tables(app: Any, fetched: Mapping[TP, Sequence[Any]]) -> None:
    """Apply fetched changelog records to their tables, each once and in order, and end the recovery with the last.

    A record without a value deletes its key. What was applied before is passed over.
    """
    recovery = app.tables.recovery
    for tp, records in fetched.items():
        if tp in recovery.active_tps:
            seen = recovery.active_offsets[tp]
            fresh = [record for record in records if seen is None or record.offset > seen]
            if fresh:
                recovery.tp_to_table[tp].apply({record.key: record.value for record in fresh})
                recovery.active_offsets[tp] = fresh[-1].offset
    if recovery.in_recovery and not recovery.need_recovery():
        recovery._set_recovery_ended()  # noqa: SLF001 - what Faust's own reading of changelogs does at this point
        recovery.signal_recovery_end.set()


def behind(app: Any) -> dict[TP, int]:
    """Return for each changelog that has not been read to its end where to read on."""
    recovery = app.tables.recovery
    return {tp: recovery.active_offsets[tp] + 1 for tp, left in recovery.active_remaining().items() if left > 0}
