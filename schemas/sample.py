"""The sample event: one reading of a gauge or a counter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas import bounds
from schemas.event import Event


class SampleEvent(Event):
    """One reading, on the topic `events.samples`."""

    type: Literal["sample"] = Field(description="Always `sample`.")
    name: str = Field(
        min_length=1,
        max_length=bounds.SAMPLE_NAME_LENGTH,
        pattern=bounds.NAME_PATTERN,
        description="What was read. No control characters, no blank at either end.",
        examples=["process.memory"],
    )
    value: float = Field(allow_inf_nan=False, description="The reading: any finite number.")
    unit: str | None = Field(None, max_length=bounds.UNIT_LENGTH, description="Its unit (UCUM).", examples=["By", "1"])
    gauge: bool = Field(default=True, description="true: a gauge, its last value counts; false: a counter that grows.")
