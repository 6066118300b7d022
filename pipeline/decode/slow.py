"""The slow lane: one record that the fast lane refused or doubts, element by element, judged by pydantic alone.

No input raises. About 30 µs an event that pydantic must look at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

import msgspec
from pydantic import ValidationError

from pipeline.decode.doubts import doubtful_events
from pipeline.decode.events import EMPTY_METADATA
from pipeline.decode.explain import explain
from pipeline.decode.json_text import elements_of, fields_of, record_problem, type_of
from pipeline.decode.kinds import Kind
from pipeline.decode.result import E, Rejection
from schemas.bounds import RECORD_BYTES
from schemas.reasons import Reason


@dataclass(slots=True)
class Examined(Generic[E]):
    """One record's events with their places in its array, and what of it is refused."""

    events: list[tuple[int, E]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


def examine(kind: Kind[E], value: bytes | None, record: int) -> Examined[E]:
    """Return what is in the record at position `record` of a batch."""
    problem = _problem(value)
    if problem is not None or value is None:
        return Examined(rejections=[Rejection(record, None, *(problem or _TOMBSTONE), value)])
    try:
        elements = elements_of(value)
    except RecursionError:
        return Examined(rejections=[Rejection(record, None, *_TOO_DEEP, value)])
    if elements is not None:
        return _examine_array(kind, elements, record)
    verdict = judge(kind, value.strip())
    if isinstance(verdict, tuple):
        return Examined(rejections=[Rejection(record, None, *verdict, value)])
    return Examined(events=[(0, verdict)])


_TOMBSTONE = (Reason.NULL_VALUE, "the record has no value")
_TOO_DEEP = (Reason.NOT_JSON, "the event is nested too deeply to be read")


def _problem(value: bytes | None) -> tuple[Reason, str] | None:
    if value is None:
        return _TOMBSTONE
    if len(value) > RECORD_BYTES:
        return Reason.TOO_LARGE, f"the record has {len(value)} bytes: at most {RECORD_BYTES} are allowed"
    return record_problem(value)


def _examine_array(kind: Kind[E], elements: list[bytes], record: int) -> Examined[E]:
    examined: Examined[E] = Examined()
    for index, (element, event) in enumerate(zip(elements, _fast(kind, elements), strict=True)):
        verdict = event if event is not None else judge(kind, element)
        if isinstance(verdict, tuple):
            examined.rejections.append(Rejection(record, index, *verdict, element))
        else:
            examined.events.append((index, verdict))
    return examined


def _fast(kind: Kind[E], elements: list[bytes]) -> list[E | None]:
    """Return the events of elements that the fast lane accepts without a doubt, None for the others."""
    events = [_decoded(kind, element) for element in elements]
    places = [place for place, event in enumerate(events) if event is not None]
    for doubtful in doubtful_events(kind, [event for event in events if event is not None]):
        events[places[doubtful]] = None
    return events


def _decoded(kind: Kind[E], element: bytes) -> E | None:
    try:
        return kind.element.decode(element)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def judge(kind: Kind[E], text: bytes) -> E | tuple[Reason, str]:
    """Return the event in one JSON text as pydantic sees it, or why there is none."""
    if not text.startswith(b"{"):
        return Reason.WRONG_TYPE, f"an event must be an object, found {type_of(text)}"
    try:
        fields = fields_of(text, kind.model.model_fields)
    except RecursionError:
        return _TOO_DEEP
    context = {} if fields.metadata is None else {"metadata_bytes": len(fields.metadata)}
    try:
        model = kind.model.model_validate(fields.values, context=context)
    except ValidationError as error:
        return explain(error.errors(include_url=False), kind.topic)
    values: dict[str, Any] = model.model_dump()
    metadata = values.pop("metadata")
    if metadata is None:
        return kind.struct(**values, metadata=EMPTY_METADATA)
    return kind.struct(**values, metadata=msgspec.Raw(fields.metadata or msgspec.json.encode(metadata)))
