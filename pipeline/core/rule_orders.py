"""What people change about rules at run time: values by path over those of the file, and who changed what, and why.

One record by rule on the compacted topic `control`. It carries its own history, so that both are written at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Value = str | int | float | bool | None | list[object] | dict[str, object]
"""As a rules file has it; None takes away what the file says, so that the default holds."""

Action = Literal["set", "disabled", "enabled", "deleted", "reset"]

KEPT_CHANGES = 500
"""So many changes of a rule are remembered."""

_PREFIX = "rule/"


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change: the values that it changed, as they held before and after; None where nothing was said."""

    at_ms: int
    by: str
    action: Action
    because: str
    before: dict[str, Value]
    after: dict[str, Value]


class RuleOrder(msgspec.Struct, frozen=True, kw_only=True, tag="rule1", tag_field="type"):
    """What holds of one rule instead of what its file says. Without values: what the file says."""

    name: str
    values: dict[str, Value]
    changes: tuple[RuleChange, ...] = ()


_decoder = msgspec.json.Decoder(RuleOrder)


def order_key(name: str) -> str:
    """Return the key of a rule's record on `control`: ``rule/NAME``."""
    return _PREFIX + name


def is_rule_order(key: str) -> bool:
    """Return whether a key on `control` is that of a rule; others have theirs there too."""
    return key.startswith(_PREFIX)


def encode_order(order: RuleOrder) -> bytes:
    """Return the record's value."""
    return msgspec.json.encode(order)


def decode_order(value: bytes) -> RuleOrder:
    """Return the order in a record; raises msgspec.DecodeError for anything else."""
    return _decoder.decode(value)


def changed(before: RuleOrder | None, name: str, values: Mapping[str, Value], change: RuleChange) -> RuleOrder:
    """Return a rule's order with other values, and the change noted in it."""
    changes = (*(before.changes if before is not None else ()), change)
    return RuleOrder(name=name, values=dict(values), changes=changes[-KEPT_CHANGES:])


class RuleOrders:
    """All orders about rules, as `control` has them. `unreadable` says by key which records can't be read, and why."""

    def __init__(self) -> None:
        self.by_name: dict[str, RuleOrder] = {}
        self.unreadable: dict[str, str] = {}

    def put(self, key: str, value: bytes | None) -> bool:
        """Take the newest record of a key, None for one that is deleted; return whether it is about a rule."""
        if not is_rule_order(key):
            return False
        name = key.removeprefix(_PREFIX)
        self.by_name.pop(name, None)
        self.unreadable.pop(key, None)
        try:
            if value is not None:
                self.by_name[name] = decode_order(value)
        except msgspec.DecodeError as error:
            self.unreadable[key] = str(error)
        return True

    @property
    def values(self) -> dict[str, dict[str, Value]]:
        """What holds instead of the file, by rule."""
        return {name: order.values for name, order in self.by_name.items() if order.values}
