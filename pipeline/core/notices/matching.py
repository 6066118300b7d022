"""Matchers: which alerts a route, a silence or an inhibition is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec

from schemas.structs import Alert

FIELDS = ("environment", "service", "operation", "rule", "rule_type", "severity", "series", "alert_id")
"""Names that stand for fields of the alert; any other is one of its labels, or else one of its dimensions."""


class Matcher(msgspec.Struct, frozen=True):
    """A name, and globs (`*`, `?`, `[…]`) of which its value must fit one. A label that is not there is empty."""

    name: str
    globs: tuple[str, ...]


def value_of(alert: Alert, name: str) -> str:
    """Return what an alert has under a name; empty for a label that it does not have."""
    if name in FIELDS:
        return str(getattr(alert, name))
    return alert.labels.get(name, alert.dimensions.get(name, ""))


def fits(matchers: Iterable[Matcher], alert: Alert) -> bool:
    """Return whether an alert fits every one of the matchers; no matchers fit every alert."""
    return all(any(fnmatchcase(value_of(alert, one.name), glob) for glob in one.globs) for one in matchers)


def shown(matchers: Sequence[Matcher]) -> str:
    """Return matchers as people write them: ``service=checkout|pay team=payments``."""
    return " ".join(f"{one.name}={'|'.join(one.globs)}" for one in matchers) or "everything"
