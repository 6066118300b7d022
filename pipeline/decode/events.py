"""The events as the hot path has them: msgspec structs with the fields and bounds of the models in `schemas/`.

They are written out, so that a type checker and a reader see them; a test compares them with the models field by field
and fails on any drift. What msgspec can't check by itself is in `doubts.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas import bounds

EMPTY_METADATA = msgspec.Raw(b"{}")

Id = Annotated[str, Meta(max_length=bounds.ID_LENGTH)]
EventId = Annotated[str, Meta(min_length=1, max_length=bounds.ID_LENGTH)]
Service = Annotated[str, Meta(min_length=1, max_length=bounds.SERVICE_LENGTH)]
OperationName = Annotated[str, Meta(min_length=1, max_length=bounds.OPERATION_LENGTH)]
Environment = Annotated[str, Meta(min_length=1, max_length=bounds.ENVIRONMENT_LENGTH)]
Timestamp = Annotated[int, Meta(ge=bounds.TIMESTAMP_LEAST_MS, le=bounds.TIMESTAMP_GREATEST_MS)]
Duration = Annotated[float, Meta(ge=0, le=bounds.DURATION_GREATEST_MS)]
Weight = Annotated[int, Meta(ge=1, le=bounds.WEIGHT_GREATEST)]
Version = Annotated[int, Meta(ge=1, le=bounds.VERSION_GREATEST)]
StatusCode = Annotated[int, Meta(ge=bounds.STATUS_LEAST, le=bounds.STATUS_GREATEST)]
Kind = Annotated[str, Meta(max_length=bounds.KIND_LENGTH)]
Unit = Annotated[str, Meta(max_length=bounds.UNIT_LENGTH)]
SampleName = Annotated[str, Meta(min_length=1, max_length=bounds.SAMPLE_NAME_LENGTH)]
ErrorType = Annotated[str, Meta(min_length=1, max_length=bounds.ERROR_TYPE_LENGTH)]
Message = Annotated[str, Meta(max_length=bounds.MESSAGE_LENGTH)]
Stack = Annotated[str, Meta(max_length=bounds.STACK_LENGTH)]
Outcome = Literal["ok", "error", "client_error", "timeout", "cancelled"]
Severity = Literal["warning", "error", "critical"]


class Event(msgspec.Struct, kw_only=True, gc=False):
    """What all events have. `metadata` is the JSON object as it was written, ``{}`` where there was none or null."""

    schema_version: Version = 1
    event_id: EventId
    timestamp_ms: Timestamp
    service: Service
    environment: Environment = bounds.ENVIRONMENT_DEFAULT
    version: Id | None = None
    instance: Id | None = None
    metadata: msgspec.Raw = EMPTY_METADATA


class CallerEvent(Event, kw_only=True, gc=False):
    """What operations and errors have besides."""

    user_id: Id | None = None
    device_id: Id | None = None
    request_id: Id | None = None
    trace_id: Id | None = None
    span_id: Id | None = None
    parent_span_id: Id | None = None
    weight: Weight = 1


class Operation(CallerEvent, kw_only=True, gc=False):
    """`schemas.operation.OperationEvent`. `outcome` is as sent: `derived_outcome` fills in its default."""

    type: Literal["operation"]
    operation: OperationName
    duration_ms: Duration
    success: bool
    outcome: Outcome | None = None
    kind: Kind | None = None
    status_code: StatusCode | None = None


class Error(CallerEvent, kw_only=True, gc=False):
    """`schemas.error.ErrorEvent`. `operation` is None when the error names none."""

    type: Literal["error"]
    operation: OperationName | None = None
    severity: Severity
    error_type: ErrorType
    message: Message
    stack: Stack | None = None


class Sample(Event, kw_only=True, gc=False):
    """`schemas.sample.SampleEvent`."""

    type: Literal["sample"]
    name: SampleName
    value: float
    unit: Unit | None = None
    gauge: bool = True
