"""Sentences for people: what is wrong with an event, from what pydantic found.

Each names the field, what was found and what is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from pydantic_core import ErrorDetails

from pipeline.decode.kinds import TOPIC_OF_TYPE, TopicKind
from schemas.bounds import TIMESTAMP_LEAST_MS
from schemas.reasons import Reason

_SHOWN_CHARACTERS = 60
_SENTENCES = 3
_SECONDS_LEAST = 10**8
_NANOSECONDS_LEAST = 10**17

Explanation = tuple[Reason, str]

_JSON_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "an object",
}


def explain(errors: Sequence[ErrorDetails], topic: TopicKind) -> Explanation:
    """Return why an event is refused: the reason of its first error, and a sentence for each of its first three.

    An event of another topic's type is refused for that alone, whatever else is wrong with it there.
    """
    explanations = [_explain_field(error, topic) for error in errors]
    for reason, sentence in explanations:
        if reason is Reason.WRONG_TOPIC:
            return reason, sentence
    sentences = [sentence for _, sentence in explanations[:_SENTENCES]]
    if len(explanations) > _SENTENCES:
        sentences.append(f"and {len(explanations) - _SENTENCES} more")
    return explanations[0][0], "; ".join(sentences)


def shown(value: object) -> str:
    """Return a JSON value as people read it, cut to a line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _explain_field(error: ErrorDetails, topic: TopicKind) -> Explanation:
    field = ".".join(map(str, error["loc"]))
    if error["type"] in _JSON_TYPES:
        return _wrong_type(field, error)
    if error["type"] == "literal_error":
        return _wrong_choice(field, error, topic)
    if error["type"].startswith("metadata_"):
        return Reason.INVALID_VALUE, f"{field} {error['msg']}"
    sentence = _INVALID.get(error["type"])
    if sentence is None:
        return Reason.INVALID_VALUE, f"{field} is {shown(error['input'])}: {error['msg']}"
    if error["type"] == "missing":
        return Reason.MISSING_FIELD, sentence(field, error)
    return Reason.INVALID_VALUE, sentence(field, error)


def _wrong_type(field: str, error: ErrorDetails) -> Explanation:
    value = error["input"]
    if isinstance(value, int) and not isinstance(value, bool) and error["type"] == "float_type":
        return Reason.INVALID_VALUE, f"{field} is {shown(value)}: that is too great for a number"
    text = "text " if isinstance(value, str) else ""
    hint = ": milliseconds since 1970 in UTC are meant" if field == "timestamp_ms" else ""
    return Reason.WRONG_TYPE, f"{field} must be {_JSON_TYPES[error['type']]}, found {text}{shown(value)}{hint}"


def _wrong_choice(field: str, error: ErrorDetails, topic: TopicKind) -> Explanation:
    value, allowed = error["input"], error["ctx"]["expected"].replace("'", '"')
    if not isinstance(value, str):
        return Reason.WRONG_TYPE, f"{field} must be {allowed}, found {shown(value)}"
    if field == "type" and value in TOPIC_OF_TYPE:
        return Reason.WRONG_TOPIC, f'type is "{value}": it belongs on events.{TOPIC_OF_TYPE[value]}, not events.{topic}'
    return Reason.INVALID_VALUE, f"{field} is {shown(value)}: it must be {allowed}"


def _too_small(field: str, error: ErrorDetails) -> str:
    value = error["input"]
    if field != "timestamp_ms":
        return f"{field} is {shown(value)}: it must be at least {_number(error['ctx']['ge'])}"
    if value >= _SECONDS_LEAST:
        return f"timestamp_ms {value} looks like seconds: milliseconds are meant"
    return f"timestamp_ms is {shown(value)}: milliseconds since 1970 are meant, at least {TIMESTAMP_LEAST_MS}"


def _too_great(field: str, error: ErrorDetails) -> str:
    value = error["input"]
    if field != "timestamp_ms":
        return f"{field} is {shown(value)}: it must be at most {_number(error['ctx']['le'])}"
    unit = "nanoseconds" if value >= _NANOSECONDS_LEAST else "microseconds"
    return f"timestamp_ms {shown(value)} looks like {unit}: milliseconds are meant"


def _number(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _bad_name(field: str, error: ErrorDetails) -> str:
    value = error["input"]
    if value != value.strip(" "):
        return f"{field} is {shown(value)}: a blank at either end is not allowed"
    return f"{field} is {shown(value)}: control characters are not allowed"


_INVALID: dict[str, Callable[[str, ErrorDetails], str]] = {
    "missing": lambda field, _: f"{field} is missing",
    "greater_than_equal": _too_small,
    "less_than_equal": _too_great,
    "finite_number": lambda field, error: f"{field} is {shown(error['input'])}: it must be finite",
    "string_too_short": lambda field, _: f"{field} must not be empty",
    "string_too_long": lambda field, error: (
        f"{field} has {len(error['input'])} characters: at most {error['ctx']['max_length']} are allowed"
    ),
    "string_pattern_mismatch": _bad_name,
    "call_time": lambda _, error: error["msg"],
    "string_unicode": lambda field, error: f"{field} is {shown(error['input'])}: it has half a surrogate pair",
}
