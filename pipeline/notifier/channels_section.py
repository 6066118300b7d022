"""The channels in the notifications file. Secrets are named there, never written there."""

from __future__ import annotations

import re
from typing import get_args

import msgspec

from pipeline.notifier.channels.config import ChannelConfig
from pipeline.notifier.yaml_fields import Fields
from pipeline.rules_values import rule_name
from pipeline.rules_words import describe, unknown_word

_TYPES: dict[str, type[msgspec.Struct]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ChannelConfig) if issubclass(kind, msgspec.Struct)
}
_WHERE = re.compile(r" - at `\$\.?(?P<key>\w*)[^`]*`$")


def read_channel(fields: Fields) -> ChannelConfig | None:
    """Return one channel; None where there is any mistake in it."""
    before = len(fields.problems)
    fields.need("name", "ops-chat")
    fields.take("name", rule_name, "")
    if not fields.need("type", "slack"):
        return None
    kind = fields.mapping["type"]
    if kind not in _TYPES:
        fields.problem("type", unknown_word("type", kind, _TYPES))
        return None
    _refuse_others(fields, str(kind))
    return _converted(fields) if len(fields.problems) == before else None


def _refuse_others(fields: Fields, kind: str) -> None:
    allowed = ["type", *(field.encode_name for field in msgspec.structs.fields(_TYPES[kind]))]
    for key in fields.mapping:
        if key not in allowed and f"{key}_env" in allowed:
            text = f"{key} is a secret, and secrets are not written into this file: name the environment variable "
            fields.problem(key, f"{text}that has it as {key}_env, or the file as {key}_file")
        elif key not in allowed:
            fields.problem(key, f"{unknown_word('key', key, allowed)} (type {kind})")


def _converted(fields: Fields) -> ChannelConfig | None:
    try:
        converted: ChannelConfig = msgspec.convert(_plain(fields.mapping), ChannelConfig)
    except msgspec.ValidationError as error:
        found = _WHERE.search(str(error))
        text = _WHERE.sub("", str(error))
        key = (found["key"] if found else "") or text.partition(":")[0]
        if key in fields and not text.startswith(key):
            text = f"{key}: found {describe(fields.mapping[key])}; {text}"
        fields.problem(key, text)
        return None
    return converted


def _plain(value: object) -> object:
    """Return what YAML gave without what the library keeps about it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
