"""What people order at run time: silences, acknowledgements, and to send again what could not be sent.

Each is a record on the compacted topic `control`. It says who did what when, and what was so before and after.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from pipeline.core.notices.matching import Matcher

KEPT_MS = 30 * 86_400_000
"""So long orders are kept when they are over, so that one can see who gave them."""

Span = tuple[int, int]
"""From and until, in milliseconds since 1970, half-open."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an order."""

    at_ms: int
    by: str
    action: Literal["added", "changed", "ended"]
    before: Span | None
    after: Span


class _Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    id: str
    author: str
    comment: str
    starts_ms: int
    ends_ms: int
    audit: tuple[Audit, ...] = ()

    def holds(self, now_ms: int) -> bool:
        """Whether it is in force."""
        return self.starts_ms <= now_ms < self.ends_ms


class Silence(_Order, frozen=True, kw_only=True, tag="silence1"):
    """Nobody is told of alerts that fit, from start to end. There is none without an end."""

    matchers: tuple[Matcher, ...]


class Acknowledgement(_Order, frozen=True, kw_only=True, tag="ack1"):
    """Somebody looks after the alert or the group whose id it has: it is not repeated until the end."""


class Resend(msgspec.Struct, frozen=True, kw_only=True, tag="resend1", tag_field="type"):
    """An undelivered message is to be tried again. One request is obeyed once."""

    key: str
    author: str
    requested_ms: int


Order = Silence | Acknowledgement | Resend
_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)

_PREFIX: dict[type, str] = {Silence: "silence", Acknowledgement: "ack", Resend: "resend"}


def order_key(order: Order) -> str:
    """Return the record's key on `control`: ``silence/ID``, ``ack/ID`` or ``resend/KEY``."""
    return f"{_PREFIX[type(order)]}/{order.key if isinstance(order, Resend) else order.id}"


def is_order(key: str) -> bool:
    """Return whether a key on `control` is that of an order; others have theirs there too."""
    return key.partition("/")[0] in _PREFIX.values()


def encode_order(order: Order) -> bytes:
    """Return the record's value."""
    return msgspec.json.encode(order)


def decode_order(value: bytes) -> Order:
    """Return the order in a record; raises msgspec.DecodeError for anything else."""
    return _decoder.decode(value)


class Orders:
    """What holds now, as `control` says."""

    def __init__(self) -> None:
        self.silences: dict[str, Silence] = {}
        self.acknowledgements: dict[str, Acknowledgement] = {}
        self.resends: dict[str, Resend] = {}

    def put(self, key: str, order: Order | None) -> None:
        """Take the newest record of a key; None takes the order away."""
        kind, _, name = key.partition("/")
        if isinstance(order, Silence):
            self.silences[name] = order
        elif isinstance(order, Acknowledgement):
            self.acknowledgements[name] = order
        elif isinstance(order, Resend):
            self.resends[name] = order
        else:
            gone: dict[str, dict[str, Any]] = {"silence": self.silences, "ack": self.acknowledgements}
            gone.get(kind, self.resends).pop(name, None)

    def in_force(self, now_ms: int) -> frozenset[str]:
        """Return the keys of silences and acknowledgements in force: when they change, all is looked at again."""
        every: list[Silence | Acknowledgement] = [*self.silences.values(), *self.acknowledgements.values()]
        return frozenset(order_key(order) for order in every if order.holds(now_ms))

    def outdated(self, now_ms: int) -> list[str]:
        """Return the keys of orders that ended, or were given, so long ago that nobody asks for them any more."""
        ended: list[Silence | Acknowledgement] = [*self.silences.values(), *self.acknowledgements.values()]
        found: list[Order] = [one for one in ended if now_ms - one.ends_ms > KEPT_MS]
        found += [one for one in self.resends.values() if now_ms - one.requested_ms > KEPT_MS]
        return [order_key(order) for order in found]

    def acknowledgement(self, names: tuple[str, ...], now_ms: int) -> Acknowledgement | None:
        """Return the acknowledgement in force of an alert or its group, if there is one; `names` are their ids."""
        found = (self.acknowledgements.get(name) for name in names)
        return next((order for order in found if order is not None and order.holds(now_ms)), None)
