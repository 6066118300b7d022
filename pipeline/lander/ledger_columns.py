"""The columns of the loss ledger: which producer and boot an event came from, and its number there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.decode.ledger_header import Place, Places
from pipeline.lander.rows import Column

Int64s = npt.NDArray[np.int64]


def event_ledger(places: Places, record_of: Int64s, index_of: Int64s) -> dict[str, Column]:
    """Return the columns for events of these records; null where a record has no header."""
    length = len(record_of)
    if not places.names:
        texts = pa.nulls(length, pa.string())
        return {"producer_id": texts, "boot_id": texts, "sequence": pa.nulls(length, pa.uint64())}
    name_of = np.asarray(places.name_of, np.int64)[record_of]
    unknown = name_of < 0
    taken = pa.array(name_of, mask=unknown)
    producers, boots = (pa.array(texts, pa.string()).take(taken) for texts in zip(*places.names, strict=True))
    sequences = np.asarray(places.sequences, np.int64)[record_of] + index_of
    return {
        "producer_id": producers,
        "boot_id": boots,
        "sequence": pa.array(sequences, mask=unknown).cast(pa.uint64()),
    }


def letter_ledger(places: Sequence[Place | None]) -> dict[str, Column]:
    """Return the columns for dead letters: the first event that each stands for, and how many."""
    return {
        "producer_id": _each(places, "producer_id"),
        "boot_id": _each(places, "boot_id"),
        "sequence": _each(places, "sequence"),
        "events": _each(places, "events"),
    }


def _each(places: Iterable[Place | None], name: str) -> list[object]:
    return [None if place is None else getattr(place, name) for place in places]
