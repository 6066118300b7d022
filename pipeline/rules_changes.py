"""What a change of a rule at run time becomes: the order that is written, or why it can't be, and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pipeline.core.rule_orders import Action, RuleChange, RuleOrder, RuleOrders, Value, changed
from pipeline.errors import FatalError
from pipeline.rules_file import WrittenRule
from pipeline.rules_layers import Layered, LayeredRule, layered
from pipeline.rules_overlay import covers
from pipeline.rules_words import likeliest


@dataclass(frozen=True, slots=True)
class BelowControl:
    """What holds where nobody changed anything at run time: the file's rules, with the environment over them."""

    written: Sequence[WrittenRule]
    environment: Mapping[str, str]
    windows: Sequence[str]

    def with_control(self, control: Mapping[str, Mapping[str, object]]) -> Layered:
        """Return the rules that hold; FatalError for what the environment has wrong."""
        return layered(self.written, self.environment, control, self.windows)

    def has(self, name: str) -> bool:
        """Return whether a rule is there without `control`."""
        return any(one.rule.name == name for one in self.written)


@dataclass(frozen=True, slots=True)
class Note:
    """Who changes a rule, when and why."""

    at_ms: int
    by: str
    because: str


Values = dict[str, Value]

Wanted = Callable[[BelowControl, str, Values], Values]
"""Gets a rule's name and what control says of it, by path, and returns what it is to say."""


def set_values(values: Values) -> Wanted:
    """Put values in place of those that they cover."""

    def wanted(_: BelowControl, __: str, now: Values) -> Values:
        return {path: one for path, one in now.items() if not any(covers(new, path) for new in values)} | values

    return wanted


def withdraw(paths: Sequence[str]) -> Wanted:
    """Withdraw some values, or all of them: what the environment and the file say holds again."""

    def wanted(_: BelowControl, name: str, now: Values) -> Values:
        unknown = [path for path in paths if not any(covers(path, other) for other in now)]
        if unknown:
            there = ", ".join(now) or "nothing"
            raise FatalError(f"Of rule {name} {', '.join(unknown)} was not changed at run time; changed is {there}.")
        return {path: one for path, one in now.items() if paths and not any(covers(own, path) for own in paths)}

    return wanted


def disable(_: BelowControl, __: str, now: Values) -> Values:
    """Switch a rule off."""
    return now | {"enabled": False}


def enable(below: BelowControl, name: str, now: Values) -> Values:
    """Switch a rule on, whoever has switched it off."""
    others = {path: one for path, one in now.items() if path != "enabled"}
    found = below.with_control({name: others}).get(name)
    return others if found is not None and found.enabled else others | {"enabled": True}


def delete(below: BelowControl, name: str, _: Values) -> Values:
    """Leave nothing of a rule that was made at run time, and of any other that it is switched off."""
    return {"enabled": False} if below.has(name) else {}


def order_for(
    below: BelowControl, orders: RuleOrders, name: str, action: Action, wanted: Wanted, note: Note
) -> RuleOrder | None:
    """Return the order that makes a rule as it is wanted; None if control says just that already.

    Raises FatalError, with what is allowed, where the rule would not be sound then, or is not there.
    """
    control, before = orders.values, orders.by_name.get(name)
    now = dict(before.values) if before is not None else {}
    held = below.with_control(control)
    if action != "set" and held.get(name) is None and not now:
        raise FatalError(_unknown(name, held))
    values = wanted(below, name, now)
    if values == now:
        return None
    after = below.with_control({**control, name: values})
    if name in after.refused:
        raise FatalError(f"Nothing was changed. Rule {name}: {after.refused[name]}.")
    return changed(before, name, values, _change(action, held.get(name), after.get(name), note))


def _change(action: Action, before: LayeredRule | None, after: LayeredRule | None, note: Note) -> RuleChange:
    old, new = _values(before), _values(after)
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return RuleChange(
        at_ms=note.at_ms,
        by=note.by,
        action=action,
        because=note.because,
        before={path: old.get(path) for path in paths},
        after={path: new.get(path) for path in paths},
    )


def _values(rule: LayeredRule | None) -> Values:
    """Return everything that holds of a rule, by path; nothing of one that is not there."""
    return {} if rule is None else cast(Values, rule.values)


def _unknown(name: str, held: Layered) -> str:
    names = [one.rule.name for one in held.every]
    meant = likeliest(name, names)
    hint = f"did you mean {meant}? " if meant else ""
    return f"There is no rule {name}; {hint}There are {', '.join(names) or 'none'}."
