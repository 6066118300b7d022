"""What every event has: which kind it is, when and where it happened, and whom it concerned."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas import bounds
from schemas.metadata import Metadata

Id = Annotated[str, Field(max_length=bounds.ID_LENGTH)]
Weight = Annotated[int, Field(ge=1, le=bounds.WEIGHT_GREATEST)]


class Event(BaseModel):
    """The fields that all events share.

    Types are strict: ``"5"`` is no number, ``5.0`` no whole number, ``1`` no boolean. Fields that the contract does not
    name are ignored, so that a later version may add some; a producer's own belong into `metadata`, which is kept.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    type: str
    schema_version: int = Field(
        1,
        ge=1,
        le=bounds.VERSION_GREATEST,
        description="Version of the contract that the producer wrote. Later versions only add fields, so a greater one "
        "is accepted and read as version 1.",
    )
    event_id: str = Field(
        min_length=1, max_length=bounds.ID_LENGTH, description="The producer's id for this event, for people."
    )
    timestamp_ms: int = Field(
        ge=bounds.TIMESTAMP_LEAST_MS,
        le=bounds.TIMESTAMP_GREATEST_MS,
        description="When it happened (an operation: when it ended): whole milliseconds since 1970 in UTC.",
    )
    service: str = Field(
        min_length=1,
        max_length=bounds.SERVICE_LENGTH,
        pattern=bounds.NAME_PATTERN,
        description="The service that it happened in. No control characters, no blank at either end.",
        examples=["checkout"],
    )
    environment: str = Field(
        bounds.ENVIRONMENT_DEFAULT,
        min_length=1,
        max_length=bounds.ENVIRONMENT_LENGTH,
        pattern=bounds.NAME_PATTERN,
        description="Where the service runs. No control characters, no blank at either end.",
        examples=["prod"],
    )
    version: Id | None = Field(None, description="Release of the service.", examples=["1.4.2"])
    instance: Id | None = Field(None, description="Pod, host or process of the service.", examples=["pod-3"])
    metadata: Metadata | None = Field(
        None,
        description="The producer's own fields: a JSON object of at most 64 KiB and 32 levels, kept as it was written.",
    )


class CallerEvent(Event):
    """The fields that operations and errors share: whom it concerned, and which request it belongs to."""

    user_id: Id | None = Field(None, description="The user it concerned.")
    device_id: Id | None = Field(None, description="The device it concerned.")
    request_id: Id | None = Field(None, description="The request it belongs to; the same in all services.")
    trace_id: Id | None = Field(None, description="The trace it belongs to.")
    span_id: Id | None = Field(None, description="Its span within the trace.")
    parent_span_id: Id | None = Field(None, description="The span that called it.")
    weight: Weight = Field(1, description="How many of its like it stands for, when the producer sends a sample.")
