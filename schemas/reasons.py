"""Why an event or a record is refused: short codes, one for each cause, and the sentence for each.

The code is for counting and filtering and never changes its meaning; the sentence beside it in a dead letter is for
people. Nothing here imports pydantic, so any layer may use it.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Code of a refusal, as it stands in a dead letter."""

    NULL_VALUE = "null_value"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    INVALID_VALUE = "invalid_value"
    WRONG_TOPIC = "wrong_topic"
    FUTURE_TIMESTAMP = "future_timestamp"
    LANDING = "landing"


MEANING: dict[Reason, str] = {
    Reason.NULL_VALUE: "the record has no value (a tombstone): there is nothing to read",
    Reason.TOO_LARGE: "the record is larger than a record of events may be",
    Reason.NOT_UTF8: "the bytes are not valid UTF-8",
    Reason.NOT_JSON: "the bytes are not JSON",
    Reason.WRONG_TYPE: "the record, an element of its array or a field is of another JSON type than it must be",
    Reason.MISSING_FIELD: "a required field is not there",
    Reason.INVALID_VALUE: "a field has the right JSON type and a value that is not allowed",
    Reason.WRONG_TOPIC: "the event is of a type that belongs on another topic",
    Reason.FUTURE_TIMESTAMP: "timestamp_ms is further past the broker's time than is allowed",
    Reason.LANDING: "the event was counted, but ClickHouse would not take its row",
}
"""One sentence for each code; a test holds that none is without."""
