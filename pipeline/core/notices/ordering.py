"""How orders come to be and change: each change is noted in the order itself, with who, when, before and after."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.orders import Acknowledgement, Audit, Silence, Span

_Order = TypeVar("_Order", Silence, Acknowledgement)
LONGEST_MS = 366 * 86_400_000


def silence(name: str, matchers: tuple[Matcher, ...], span: Span, *, author: str, comment: str, now_ms: int) -> Silence:
    """Return a new silence; raises ValueError for a span that can't be."""
    _check(span, now_ms)
    return Silence(
        id=name,
        author=author,
        comment=comment,
        starts_ms=span[0],
        ends_ms=span[1],
        matchers=matchers,
        audit=(Audit(at_ms=now_ms, by=author, action="added", before=None, after=span),),
    )


def acknowledgement(
    name: str, span: Span, *, author: str, comment: str, now_ms: int, before: Acknowledgement | None = None
) -> Acknowledgement:
    """Return an acknowledgement, or the one there is with a new end; raises ValueError for a span that can't be."""
    _check(span, now_ms)
    earlier = None if before is None else (before.starts_ms, before.ends_ms)
    note = Audit(at_ms=now_ms, by=author, action="changed" if before else "added", before=earlier, after=span)
    audit = (*before.audit, note) if before else (note,)
    return Acknowledgement(id=name, author=author, comment=comment, starts_ms=span[0], ends_ms=span[1], audit=audit)


def ended(order: _Order, *, by: str, now_ms: int) -> _Order:
    """Return an order that ends now; one that has not begun never does. Raises ValueError for one that is over."""
    if order.ends_ms <= now_ms:
        raise ValueError("it has ended already")
    after = (min(order.starts_ms, now_ms), now_ms)
    note = Audit(at_ms=now_ms, by=by, action="ended", before=(order.starts_ms, order.ends_ms), after=after)
    return msgspec.structs.replace(order, starts_ms=after[0], ends_ms=now_ms, audit=(*order.audit, note))


def _check(span: Span, now_ms: int) -> None:
    starts_ms, ends_ms = span
    if ends_ms <= max(starts_ms, now_ms):
        raise ValueError("it would end before it begins, or has ended already")
    if ends_ms - starts_ms > LONGEST_MS:
        raise ValueError("it would last longer than a year; something that is to be quiet for good is left to a route")
