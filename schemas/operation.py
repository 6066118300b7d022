"""The operation event: one call of one operation, how long it took and how it ended."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas import bounds
from schemas.event import CallerEvent

Outcome = Literal["ok", "error", "client_error", "timeout", "cancelled"]


class OperationEvent(CallerEvent):
    """One call that ended, on the topic `events.operations`.

    A dependency's health is an operation of kind `dependency`. Whether the call failed is `success`, and nothing else.
    """

    type: Literal["operation"] = Field(description="Always `operation`.")
    operation: str = Field(
        min_length=1,
        max_length=bounds.OPERATION_LENGTH,
        pattern=bounds.NAME_PATTERN,
        description="What was called. Few and fixed names: ids belong into other fields. No control characters, no "
        "blank at either end.",
        examples=["pay", "GET /orders/{id}"],
    )
    duration_ms: float = Field(
        ge=0,
        le=bounds.DURATION_GREATEST_MS,
        allow_inf_nan=False,
        description="How long it took, in milliseconds. Kept to the microsecond. Times `weight` it may be 1,000,000 "
        "seconds; of a longer call an hour counts.",
    )
    success: bool = Field(description="Whether it succeeded. A 4xx has failed if its producer says so.")
    outcome: Outcome | None = Field(
        None,
        description="How it ended. Left out: ok if it succeeded; else timeout for status 408 and 504, client_error for "
        "other 4xx, error for the rest. A cancelled call counts in no rate.",
    )
    kind: str | None = Field(
        None,
        max_length=bounds.KIND_LENGTH,
        description="What sort of call it was.",
        examples=["http", "db", "cache", "queue", "job", "dependency"],
    )
    status_code: int | None = Field(
        None, ge=bounds.STATUS_LEAST, le=bounds.STATUS_GREATEST, description="Its HTTP status.", examples=[200]
    )

    @model_validator(mode="after")
    def _call_time(self) -> Self:
        if bounds.stands_for_too_much(self.duration_ms, self.weight):
            raise PydanticCustomError(
                "call_time",
                "weight {weight} times duration_ms {duration_ms} (at most an hour counts) is {found} seconds of calls: "
                "at most {limit} are allowed in one event",
                {
                    "weight": self.weight,
                    "duration_ms": self.duration_ms,
                    "found": round(min(self.duration_ms, bounds.DURATION_COUNTED_MS) * self.weight / 1000),
                    "limit": round(bounds.CALL_TIME_GREATEST_MS / 1000),
                },
            )
        return self
