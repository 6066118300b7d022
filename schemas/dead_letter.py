"""The dead letter: what could not be used, as it stands on the topic `events.dead`.

The bytes are kept as they came, so that they can be looked at, mended and sent again. `schemas/structs.py` has the
same record as a fast struct, and `pipeline/decode/dead_letter.py` builds it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.reasons import Reason


class DeadHeader(BaseModel):
    """One Kafka header of a refused record."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    name: str = Field(description="Name of the header; a record may have several of one name.")
    value_base64: str | None = Field(None, description="Its value in base64; null if it has none.")


class DeadLetter(BaseModel):
    """One refused record, or one refused element of a record's array. Identity: epoch, topic, partition, offset, index.

    When one element of an array is refused, `value_base64` is that element alone as it stood in the array.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["dead_letter"] = Field("dead_letter", description="Always `dead_letter`.")
    schema_version: int = Field(1, ge=1, description="Version of this contract. Later ones only add fields.")
    topic: str = Field(description="Topic that the record came from.")
    partition: int = Field(ge=0, description="Partition that it came from.")
    offset: int = Field(ge=0, description="Its offset there: where to find it while the topic keeps it.")
    index: int | None = Field(None, ge=0, description="Place in the record's array; null: the whole record.")
    epoch: int = Field(ge=1, description="Epoch of the topic.")
    append_time_ms: int = Field(description="Broker's time at which the record was appended.")
    reason: Reason = Field(description="Why, as a code.")
    detail: str = Field(description="Why, as a sentence for people.")
    key_base64: str | None = Field(None, description="The record's key in base64; null if it has none.")
    value_base64: str | None = Field(None, description="The bytes as they came, in base64; null if there were none.")
    value_bytes: int = Field(ge=0, description="How many bytes there were before any were cut.")
    truncated: bool = Field(
        default=False, description="Whether the bytes were cut; the whole is at topic, partition, offset."
    )
    headers: list[DeadHeader] = Field(default_factory=list, description="The record's Kafka headers.")
    attempt: int = Field(1, ge=1, description="How often it was tried: 2 when it was sent again and refused again.")
