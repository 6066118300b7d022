"""Which version of a rule decided: a short name for what it says."""

from __future__ import annotations

import hashlib

import msgspec

from pipeline.core.rules import Rule

CHARACTERS = 8
_DEFAULTS = {field.encode_name: field.default for field in msgspec.structs.fields(Rule)}


def rule_version(rule: Rule) -> str:
    """Return the first 8 hexadecimal digits of SHA-256 over the rule as JSON, without what it leaves at its default.

    The same in every process and after a restart.
    """
    said = {name: value for name, value in _values(rule).items() if value != _DEFAULTS[name]}
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:CHARACTERS]


def _values(rule: Rule) -> dict[str, object]:
    return {name: getattr(rule, name) for name in rule.__struct_fields__}
