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
    names: tuple[Callable[[E], Any], ...]
    """Getters of the fields that must be names (`bounds.NAME_PATTERN`)."""


def _kind(topic: TopicKind, struct: type[E], model: type[BaseModel], names: tuple[str, ...]) -> Kind[E]:
    return Kind(
        topic=topic,
        struct=struct,
        model=model,
        record=msgspec.json.Decoder(struct | list[struct]),  # type: ignore[valid-type] # a type made at run time
        element=msgspec.json.Decoder(struct),
        names=tuple(attrgetter(name) for name in names),
    )


OPERATIONS = _kind("operations", Operation, OperationEvent, ("service", "operation", "environment"))
ERRORS = _kind("errors", Error, ErrorEvent, ("service", "operation", "environment"))
SAMPLES = _kind("samples", Sample, SampleEvent, ("service", "name", "environment"))

KIND_OF_TYPE: dict[str, Kind[Any]] = {"operation": OPERATIONS, "error": ERRORS, "sample": SAMPLES}
"""By the `type` of an event."""
