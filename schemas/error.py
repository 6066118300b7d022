"""The error event: something went wrong, and what is known about it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas import bounds
from schemas.event import CallerEvent

Severity = Literal["warning", "error", "critical"]


class ErrorEvent(CallerEvent):
    """One error, on the topic `events.errors`.

    It is *about* a failure and makes no call fail: that is the operation event's `success`.
    """

    type: Literal["error"] = Field(description="Always `error`.")
    operation: str | None = Field(
        None,
        min_length=1,
        max_length=bounds.OPERATION_LENGTH,
        pattern=bounds.NAME_PATTERN,
        description="The operation that it happened in. Left out: it counts for the service alone.",
        examples=["pay"],
    )
    severity: Severity = Field(description="How bad it is. A critical one reaches the rules at once.")
    error_type: str = Field(
        min_length=1,
        max_length=bounds.ERROR_TYPE_LENGTH,
        description="Its class or code, the same for errors of one cause.",
        examples=["CardDeclined"],
    )
    message: str = Field(max_length=bounds.MESSAGE_LENGTH, description="What it says. May be empty.")
    stack: str | None = Field(None, max_length=bounds.STACK_LENGTH, description="Where it happened: the stack trace.")
