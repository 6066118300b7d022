"""The channels in the notifications file. Secrets are named there, never written there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import SecretStr

from pipeline.errors import FatalError
from pipeline.notifier.channel_config import CHANNEL_TYPES, KEYS, ChannelConfig, ChannelKeys, ChannelType, Option
from pipeline.notifier.yaml_fields import Fields
from pipeline.rules_values import long_duration_ms, rule_name
from pipeline.rules_words import describe, unknown_word

_ALWAYS = ("name", "type", "timeout", "attempts", "per_minute")


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is: in an environment variable, or in a file (of which the last line break does not count)."""

    kind: Literal["env", "file"]
    where: str

    def read(self) -> SecretStr:
        """Return the secret; raises FatalError that says where it was looked for."""
        if self.kind == "env":
            found = os.environ.get(self.where, "")
            if not found:
                raise FatalError(f"the environment variable {self.where} is not set or empty")
            return SecretStr(found)
        try:
            return SecretStr(Path(self.where).read_text("utf-8").removesuffix("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise FatalError(f"the file {self.where} can't be read ({error})") from None


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """One channel as the file has it."""

    name: str
    type: ChannelType
    options: Mapping[str, Option]
    secrets: Mapping[str, SecretPlace]
    timeout_ms: int
    attempts: int
    per_minute: int
    line: int

    def opened(self) -> ChannelConfig:
        """Return what the channel is made from, with its secrets; raises FatalError where one is missing."""
        secrets = {}
        for name, place in self.secrets.items():
            try:
                secrets[name] = place.read()
            except FatalError as error:
                raise FatalError(f"channel {self.name} needs {name}, but {error}") from None
        return ChannelConfig(
            name=self.name,
            type=self.type,
            options=self.options,
            secrets=secrets,
            timeout_s=self.timeout_ms / 1_000,
            attempts=self.attempts,
            per_minute=self.per_minute,
        )


def read_channel(fields: Fields) -> ChannelEntry | None:
    """Return one channel; None where it has no type that is known."""
    fields.need("name", "ops-chat")
    name = fields.take("name", rule_name, "")
    if not fields.need("type", "slack"):
        return None
    kind = fields.mapping["type"]
    if kind not in CHANNEL_TYPES:
        fields.problem("type", unknown_word("type", kind, CHANNEL_TYPES))
        return None
    channel_type = cast(ChannelType, str(kind))
    keys = KEYS[channel_type]
    _refuse_others(fields, channel_type, keys)
    options, secrets = _options(fields, keys), _secrets(fields, keys)
    for group in keys.needs:
        if not any(one in options or one in secrets for one in group):
            wanted = " or ".join(f"{one}_env" if one in keys.secrets else one for one in group)
            fields.problem("type", f"a channel of type {channel_type} needs {wanted}")
    return ChannelEntry(
        name=name,
        type=channel_type,
        options=options,
        secrets=secrets,
        timeout_ms=fields.take("timeout", long_duration_ms, 10_000),
        attempts=fields.take("attempts", _count, 20),
        per_minute=fields.take("per_minute", _count, 60),
        line=fields.line,
    )


def _refuse_others(fields: Fields, kind: str, keys: ChannelKeys) -> None:
    places = [f"{name}_{place}" for name in keys.secrets for place in ("env", "file")]
    allowed = [*_ALWAYS, *keys.options, *places]
    for key in fields.mapping:
        if key in keys.secrets and key not in keys.options:
            text = f"{key} is a secret, and secrets are not written into this file: name the environment variable "
            fields.problem(key, f"{text}that has it as {key}_env, or the file as {key}_file")
        elif key not in allowed:
            fields.problem(key, f"{unknown_word('key', key, allowed)} (type {kind})")


def _options(fields: Fields, keys: ChannelKeys) -> dict[str, Option]:
    nothing: Option = ""
    return {key: fields.take(key, _option, nothing) for key in keys.options if key in fields}


def _secrets(fields: Fields, keys: ChannelKeys) -> dict[str, SecretPlace]:
    found = {}
    for name in keys.secrets:
        named: list[Literal["env", "file"]] = [kind for kind in ("env", "file") if f"{name}_{kind}" in fields]
        if len(named) > 1 or (named and name in fields):
            fields.problem(f"{name}_{named[-1]}", f"{name} is given twice; allowed: one of {name}_env and {name}_file")
        elif named:
            where = fields.take(f"{name}_{named[0]}", _place, "")
            found[name] = SecretPlace(named[0], where)
    return found


def _option(value: object) -> Option:
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return [str(one) for one in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str) and value:
        return str(value)
    raise ValueError("a text, a number, true or false, or a list of texts")


def _place(value: object) -> str:
    if isinstance(value, str) and value:
        return str(value)
    raise ValueError("the name of an environment variable, or the path of a file")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ValueError(f"a whole number from 1 on, not {describe(value)}")
