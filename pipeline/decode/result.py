"""What decoding a batch gives: the events, where each came from, and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.decode.events import Event
from schemas.reasons import Reason

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record, or one element of a record's array, that can't be used.

    - `record`: position of the record in the batch
    - `index`: place of the element in the record's array; None when the whole record is refused
    - `reason`, `detail`: the code and the sentence of the dead letter
    - `value`: the bytes of what is refused, the element's own where `index` is given; None for a tombstone
    """

    record: int
    index: int | None
    reason: Reason
    detail: str
    value: bytes | None = None


@dataclass(frozen=True, slots=True)
class Decoded(Generic[E]):
    """The events of a batch in the order of its records, and of the elements within each.

    `record_of[i]` is the position in the batch of the record that `events[i]` came from, `index_of[i]` its place in
    that record's array (0 for a single object). Events and rejections together are all elements of all records.
    """

    events: list[E]
    record_of: Sequence[int]
    index_of: Sequence[int]
    rejections: list[Rejection]
