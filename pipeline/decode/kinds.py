"""The three kinds of events: their topic, struct, model and decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, Literal

import msgspec
from pydantic import BaseModel

from pipeline.decode.events import Error, Operation, Sample
from pipeline.decode.result import E
from schemas.error import ErrorEvent
from schemas.operation import OperationEvent
from schemas.sample import SampleEvent

TopicKind = Literal["operations", "errors", "samples"]
"""Which topic of `pipeline.topics.Topics`: `getattr(topics, kind)` is its name."""

TOPIC_OF_TYPE: dict[str, TopicKind] = {"operation": "operations", "error": "errors", "sample": "samples"}


@dataclass(frozen=True, slots=True)
class Kind(Generic[E]):
    """Everything that differs between topics of events."""

    topic: TopicKind
    struct: type[E]
    model: type[BaseModel]
    record: msgspec.json.Decoder[E | list[E]]
    element: msgspec.json.Decoder[E]
    names: Callable[[E], tuple[str | None, ...]]
    """The fields of an event that must be names (`bounds.NAME_PATTERN`)."""
    distinct_names: Callable[[list[E]], set[str | None]]
    """All names in many events: written out for each kind, because that is several times faster."""


def _operation_names(events: list[Operation]) -> set[str | None]:
    names: set[str | None] = {event.operation for event in events}
    return names | {event.service for event in events} | {event.environment for event in events}


def _error_names(events: list[Error]) -> set[str | None]:
    names = {event.operation for event in events}
    return names | {event.service for event in events} | {event.environment for event in events}


def _sample_names(events: list[Sample]) -> set[str | None]:
    names: set[str | None] = {event.name for event in events}
    return names | {event.service for event in events} | {event.environment for event in events}


OPERATIONS = Kind(
    topic="operations",
    struct=Operation,
    model=OperationEvent,
    record=msgspec.json.Decoder(Operation | list[Operation]),
    element=msgspec.json.Decoder(Operation),
    names=attrgetter("service", "operation", "environment"),
    distinct_names=_operation_names,
)
ERRORS = Kind(
    topic="errors",
    struct=Error,
    model=ErrorEvent,
    record=msgspec.json.Decoder(Error | list[Error]),
    element=msgspec.json.Decoder(Error),
    names=attrgetter("service", "operation", "environment"),
    distinct_names=_error_names,
)
SAMPLES = Kind(
    topic="samples",
    struct=Sample,
    model=SampleEvent,
    record=msgspec.json.Decoder(Sample | list[Sample]),
    element=msgspec.json.Decoder(Sample),
    names=attrgetter("service", "name", "environment"),
    distinct_names=_sample_names,
)

KIND_OF_TYPE: dict[str, Kind[Any]] = {"operation": OPERATIONS, "error": ERRORS, "sample": SAMPLES}
"""By the `type` of an event."""
