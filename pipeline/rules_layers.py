"""The rules that hold: those of the file, with the environment over it, with what was changed at run time over both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ruamel.yaml.comments import CommentedMap

from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.rules_environment import Variables, read_environment
from pipeline.rules_fields import read_rule
from pipeline.rules_file import WrittenRule
from pipeline.rules_overlay import Values, covers, flat, overlaid
from pipeline.rules_words import likeliest

CONTROL = "control"
"""Where a value comes from that was changed at run time: the topic of that name."""


@dataclass(frozen=True, slots=True)
class LayeredRule:
    """A rule as it holds. `origins` says by path where each of its `values` comes from.

    An origin is ``file:line``, the name of an environment variable, or ``control``.
    """

    rule: Rule
    enabled: bool
    values: dict[str, object]
    origins: dict[str, str]
    fields: CommentedMap = field(repr=False, compare=False)
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Layered:
    """All rules, also those that are switched off; `refused` says by rule why what control says can't hold."""

    every: tuple[LayeredRule, ...]
    refused: dict[str, str]

    @property
    def rules(self) -> list[Rule]:
        """Those that hold."""
        return [one.rule for one in self.every if one.enabled]

    def get(self, name: str) -> LayeredRule | None:
        """Return a rule by its name."""
        return next((one for one in self.every if one.rule.name == name), None)


def layered(
    written: Sequence[WrittenRule],
    environment: Mapping[str, str],
    control: Mapping[str, Values],
    windows: Sequence[str],
) -> Layered:
    """Return the rules that hold. `control` has, by rule, the values that were set at run time.

    Raises FatalError for what the environment has wrong. What control has wrong leaves its rule as it is without.
    """
    variables = read_environment(environment, written)
    every, refused = [], dict[str, str]()
    for rule in (_with_variables(_of_file(one), variables, windows) for one in written):
        name = rule.rule.name
        try:
            every.append(with_values(rule, control.get(name, {}), windows))
        except ValueError as error:
            every.append(rule)
            refused[name] = str(error)
    names = [one.rule.name for one in every]
    for name in sorted(control.keys() - set(names)):
        try:
            every += [new_rule(name, control[name], windows, names)] if control[name] else []
        except ValueError as error:
            refused[name] = str(error)
    return Layered(tuple(every), refused)


def with_values(rule: LayeredRule, values: Values, windows: Sequence[str], origin: str = CONTROL) -> LayeredRule:
    """Return a rule with values over it; ValueError with all that is wrong with them, and what is allowed."""
    if not values:
        return rule
    fields = overlaid(rule.fields, rule.line, values)
    return _read(fields, rule.line, windows, _origins(rule.origins, fields, dict.fromkeys(values, origin)))


def new_rule(name: str, values: Values, windows: Sequence[str], others: Sequence[str] = ()) -> LayeredRule:
    """Return a rule that no file has; ValueError as in `with_values`."""
    if "type" not in values:
        meant = likeliest(name, others)
        hint = f"did you mean {meant}? " if meant else ""
        raise ValueError(
            f"there is no rule {name}; {hint}a new one needs a type. There is {', '.join(others) or 'none'}"
        )
    fields = overlaid(CommentedMap(), 1, {"name": name, **values})
    return _read(fields, 1, windows, _origins({}, fields, dict.fromkeys(("name", *values), CONTROL)))


def _of_file(one: WrittenRule) -> LayeredRule:
    lines = {path: f"{one.file}:{_line(one.fields, path, one.line)}" for path in flat(one.fields)}
    return LayeredRule(one.rule, one.enabled, flat(one.fields), lines, one.fields, one.line)


def _line(fields: CommentedMap, path: str, default: int) -> int:
    """Return the line of a value; of one that YAML merges in from elsewhere, the default."""
    key, _, inner = path.partition(".")
    lines = (fields[key] if inner else fields).lc.data or {}
    return int(lines[inner or key][0]) + 1 if (inner or key) in lines else default


def _with_variables(rule: LayeredRule, variables: Variables, windows: Sequence[str]) -> LayeredRule:
    given = variables.get(rule.rule.name)
    if not given:
        return rule
    values = {path: variable.value for path, variable in given.items()}
    try:
        fields = overlaid(rule.fields, rule.line, values)
        names = {path: variable.name for path, variable in given.items()}
        return _read(fields, rule.line, windows, _origins(rule.origins, fields, names))
    except ValueError as error:
        used = ", ".join(variable.name for variable in given.values())
        raise FatalError(f"{used} can't be used with rule {rule.rule.name}: {error}") from None


def _origins(before: Mapping[str, str], fields: CommentedMap, given: Mapping[str, str]) -> dict[str, str]:
    """Return where each value comes from once those that were given are in."""
    found = {}
    for path in flat(fields):
        own = [origin for other, origin in sorted(given.items()) if covers(other, path)]
        found[path] = own[-1] if own else before[path]
    return found


def _read(fields: CommentedMap, line: int, windows: Sequence[str], origins: dict[str, str]) -> LayeredRule:
    rule, problems = read_rule(fields, line, windows)
    if rule is None:
        raise ValueError("; ".join(dict.fromkeys(problem.text for problem in problems)))
    return LayeredRule(rule, bool(fields.get("enabled", True)), flat(fields), origins, fields, line)
