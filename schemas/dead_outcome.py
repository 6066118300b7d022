"""What became of a dead letter: sent again, landed after all, or dropped; on the topic `events.dead`, behind it.

`schemas/structs.py` has the same record as a fast struct, and `pipeline dead` writes it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DeadOutcome(BaseModel):
    """The end of one dead letter, which has the same epoch, topic, partition, offset and index; the last one counts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["dead_outcome"] = Field("dead_outcome", description="Always `dead_outcome`.")
    schema_version: int = Field(1, ge=1, description="Version of this contract. Later ones only add fields.")
    topic: str = Field(description="Topic that the refused record came from.")
    partition: int = Field(ge=0, description="Partition that it came from.")
    offset: int = Field(ge=0, description="Its offset there.")
    index: int | None = Field(None, ge=0, description="Place in the record's array; null: the whole record.")
    epoch: int = Field(ge=1, description="Epoch of the topic.")
    outcome: Literal["replayed", "landed", "dropped"] = Field(
        description="`replayed`: it was sent again to its topic; `landed`: its row was written to ClickHouse after "
        "all; `dropped`: somebody decided that it is not worth keeping."
    )
    attempt: int = Field(
        ge=1, description="How often it had been tried; of one that was sent again, this time included."
    )
    decided_ms: int = Field(description="When it was decided, in milliseconds since 1970 in UTC.")
