"""Values of rules in environment variables: ``PIPELINE_RULE_<RULE>_<KEY>``, such as PIPELINE_RULE_ERROR_RATE_CRITICAL.

Thresholds are named by their severity alone, also as ``ALERT_<RULE>_<SEVERITY>``, as an older system had them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.rules import SEVERITIES
from pipeline.errors import FatalError
from pipeline.rules_file import WrittenRule
from pipeline.rules_overlay import MAPPINGS, read_value
from pipeline.rules_types import KEYS, TYPES
from pipeline.rules_words import likeliest

PREFIX = "PIPELINE_RULE_"
OLDER_PREFIX = "ALERT_"

_NOT_HERE = frozenset({"name", "type", "expect", *MAPPINGS})
"""Keys that are no single value, or make another rule of it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One value of a rule, and the environment variable that has it."""

    name: str
    value: object


Variables = dict[str, dict[str, Variable]]
"""By rule, by path."""


def variables_of(rule: WrittenRule) -> dict[str, str]:
    """Return the variables that a rule has, and the path of the value that each gives."""
    name = re.sub(r"[^A-Z0-9]", "_", rule.rule.name.upper())
    kind = rule.rule.type
    found = {key: key for key in KEYS[kind] if key not in _NOT_HERE}
    if TYPES[kind].threshold is not None:
        found |= {severity: f"severities.{severity}" for severity in SEVERITIES}
    if "recovery" in KEYS[kind]:
        found |= {f"recovery_{severity}": f"recovery.{severity}" for severity in SEVERITIES}
    return {f"{PREFIX}{name}_{key.upper()}": path for key, path in found.items()}


def read_environment(environment: Mapping[str, str], rules: Sequence[WrittenRule]) -> Variables:
    """Return what the environment says of rules; variables that are empty say nothing.

    Raises FatalError for each variable that begins as ours do and names no rule, or no key of it.
    """
    known: dict[str, list[tuple[str, str]]] = {}
    for rule in rules:
        for variable, path in variables_of(rule).items():
            known.setdefault(variable, []).append((rule.rule.name, path))
    given = {name: value for name, value in sorted(environment.items()) if value.strip()}
    mistakes = [_unknown(name, known, rules) for name in given if name.startswith(PREFIX) and name not in known]
    found: Variables = {}
    for name, variable in _ours(given, known):
        places = known[name]
        if len(places) > 1:
            mistakes.append(f"{variable} could mean any of the rules {', '.join(rule for rule, _ in places)}")
        for rule_name, path in places:
            try:
                value = read_value(given[variable])
            except ValueError as error:
                mistakes.append(f"{variable}={given[variable]} can't be read; allowed: {error}")
                continue
            found.setdefault(rule_name, {})[path] = Variable(variable, value)
    if mistakes:
        raise FatalError("\n".join(dict.fromkeys(mistakes)))
    return found


def _ours(given: Mapping[str, str], known: Iterable[str]) -> list[tuple[str, str]]:
    """Return the variables that are known and given, each as it is known and as it is given; the newer names last."""
    names = list(known)
    older = {name: OLDER_PREFIX + name.removeprefix(PREFIX) for name in names if _is_threshold(name)}
    found = [(name, other) for name, other in older.items() if other in given]
    return found + [(name, name) for name in names if name in given]


def _is_threshold(name: str) -> bool:
    words = name.lower().split("_")
    return words[-1] in SEVERITIES and words[-2] != "recovery"


def _unknown(name: str, known: Mapping[str, object], rules: Sequence[WrittenRule]) -> str:
    meant = likeliest(name, known)
    hint = f"did you mean {meant}? " if meant else ""
    names = ", ".join(rule.rule.name for rule in rules)
    return (
        f"{name} names no value of a rule; {hint}allowed: {PREFIX}<RULE>_<KEY>, where KEY is a severity, "
        f"RECOVERY_<SEVERITY> or a key with a single value, such as ENABLED or FOR. There are the rules {names}"
    )
