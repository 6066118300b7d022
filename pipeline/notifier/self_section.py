"""What the notifications file says about the pipeline itself: where the heartbeat goes, and what is borne."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.core.notices.self_watch import WatchLimits
from pipeline.notifier.channels.config import ChannelConfig, PagerDutyConfig
from pipeline.notifier.yaml_fields import Fields
from pipeline.rules_values import duration_ms

_SHORTEST_MS = 10_000


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The channel that is told at an interval that all of this works."""

    channel: str
    every_ms: int = 60_000


def read_heartbeat(top: Fields, channels: Sequence[ChannelConfig]) -> Heartbeat | None:
    """Return where the heartbeat goes; None where the file names nothing."""
    fields = top.inner("heartbeat", "a mapping such as {channel: dead-mans-switch, every: 1m}")
    if fields is None or not fields.need("channel", "dead-mans-switch"):
        return None
    fields.only(("channel", "every"))
    pagers = {one.name for one in channels if isinstance(one, PagerDutyConfig)}
    allowed = [one.name for one in channels if one.name not in pagers]

    def known(value: object) -> str:
        if value not in allowed:
            why = "; PagerDuty opens an incident for whatever it is sent" if value in pagers else ""
            raise ValueError(f"one channel of this file: {', '.join(allowed)}{why}")
        return str(value)

    return Heartbeat(channel=fields.take("channel", known, ""), every_ms=fields.take("every", _interval, 60_000))


def read_watch(top: Fields) -> WatchLimits | None:
    """Return what is borne of the pipeline; without that section the defaults, and None for `watch: false`."""
    if top.mapping.get("watch", True) is False:
        return None
    fields = top.inner("watch", "a mapping such as {lag: 100000, delay: 5m}, or false")
    if fields is None:
        return WatchLimits()
    fields.only(("lag", "delay", "dead_letters", "undelivered"))
    borne = WatchLimits()
    return WatchLimits(
        lag=fields.take("lag", _count, borne.lag),
        delay_ms=fields.take("delay", _interval, borne.delay_ms),
        dead_letters=fields.take("dead_letters", _count, borne.dead_letters),
        undelivered=fields.take("undelivered", _count, borne.undelivered),
    )


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0 on")
    return int(value)


def _interval(value: object) -> int:
    found = duration_ms(value)
    if found < _SHORTEST_MS:
        raise ValueError("10s or more, such as 1m")
    return found
