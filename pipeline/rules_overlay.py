"""Values put over what is written of a rule: from the environment, or at run time.

A value is known by its path: a key of the rules file (`for`), or a key in one of its mappings (`severities.critical`).
None takes away what is written, so that the default holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from copy import deepcopy

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from pipeline.rules_words import describe

Values = Mapping[str, object]

MAPPINGS = ("severities", "recovery", "match", "labels")
"""The keys of a rule whose values are mappings."""


def read_value(text: str) -> object:
    """Return what a value means as in a rules file (``5%``, ``2m``, ``14.4``, ``null``); ValueError if it can't be."""
    try:
        value = YAML(typ="safe").load(text)
    except YAMLError:
        raise ValueError("a value as in a rules file, such as 5%, 2m, 14.4, true, [a, b] or null") from None
    return text.strip() if isinstance(value, dt.date) else value


def flat(fields: Mapping[str, object]) -> dict[str, object]:
    """Return everything that is written of a rule, by path."""
    found: dict[str, object] = {}
    for key, value in fields.items():
        if key in MAPPINGS and isinstance(value, Mapping):
            found |= {f"{key}.{inner}": _plain(one) for inner, one in value.items()}
        else:
            found[str(key)] = _plain(value)
    return found


def overlaid(fields: CommentedMap, line: int, values: Values) -> CommentedMap:
    """Return what is written of a rule with values over it; `line` is that of what is not in a file.

    ValueError for a path into what is no mapping.
    """
    found = deepcopy(fields)
    for path, value in sorted(values.items(), key=lambda item: ("." in item[0], item[0])):
        key, _, inner = path.partition(".")
        if inner:
            _put_within(found, key, inner, value, line)
        else:
            _put(found, key, value, line)
    return found


def covers(path: str, other: str) -> bool:
    """Return whether a value under one path takes the place of what stood under the other."""
    return path == other or other.startswith(f"{path}.")


def _put_within(fields: CommentedMap, key: str, inner: str, value: object, line: int) -> None:
    if key not in fields:
        _put(fields, key, {}, line)
    nested = fields[key]
    if not isinstance(nested, CommentedMap):
        text = f"{key} is {describe(nested)} here and has no {inner}: set {key} as a whole"
        raise ValueError(text)  # noqa: TRY004 - like every other mistake in a value
    _put(nested, inner, value, line)
    if not nested:
        del fields[key]


def _put(fields: CommentedMap, key: str, value: object, line: int) -> None:
    if value is None:
        fields.pop(key, None)
        return
    if key not in fields:
        fields.lc.add_kv_line_col(key, [line - 1, 0, line - 1, 0])
    fields[key] = _commented(value, line)


def _commented(value: object, line: int) -> object:
    """Return a value as a file has it: its mappings know their lines."""
    if not isinstance(value, Mapping):
        return value
    found = CommentedMap()
    for key, one in value.items():
        _put(found, str(key), one, line)
    return found


def _plain(value: object) -> object:
    """Return a value without what only a YAML document needs."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bool) or value is None:
        return value
    return next(_scalars(value), str(value))


def _scalars(value: object) -> Iterator[object]:
    for kind in (int, float):
        if isinstance(value, kind):
            yield kind(value)
