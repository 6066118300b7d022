"""The plan: who is told of what, and how it is put together. It comes from the notifications file."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pipeline.core.notices.maintenance import MaintenanceWindow
from pipeline.core.notices.matching import Matcher, fits
from schemas.structs import Alert

HOUR_MS = 3_600_000
DEFAULT_GROUP_BY = ("environment", "service")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Which channels are told of alerts that fit, and when.

    - `group_by`: alerts with the same values here share their messages; none: all of the route do
    - `critical_wait_ms`: from the first critical alert to the message about it, in which others may join it
    - `wait_ms`: the same for a group without one
    - `interval_ms`: from one message of a group to the next, unless something critical comes
    - `repeat_ms`: what still fires is told again after so long; 0: never
    """

    name: str
    channels: tuple[str, ...]
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False  # later routes are looked at too
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    critical_wait_ms: int = 1_000
    wait_ms: int = 10_000
    interval_ms: int = 60_000
    repeat_ms: int = 4 * HOUR_MS


class Inhibition(msgspec.Struct, frozen=True, kw_only=True):
    """While an alert fires that fits `when`, nobody is told of those that fit `hides` and are `equal` to it.

    `longer_windows`: of them only those over a longer window that are no graver than it was; and for as long as what it
    told of may be in that window. Without it those that fit `when` are told themselves.
    """

    name: str
    when: tuple[Matcher, ...]
    hides: tuple[Matcher, ...]
    equal: tuple[str, ...] = ("series",)
    longer_windows: bool = False


CRITICAL_HIDES_MILDER = Inhibition(
    name="critical-hides-milder",
    when=(Matcher("severity", ("critical",)),),
    hides=(Matcher("severity", ("info", "warning", "error")),),
)


SHORT_HIDES_LONG = Inhibition(
    name="short-hides-long",
    when=(Matcher("rule_type", ("error_*", "errors_*", "success_rate", "burn_rate", "response_time", "slow_*")),),
    hides=(),
    equal=("series", "rule_type"),
    longer_windows=True,
)
DEFAULT_INHIBITIONS = (CRITICAL_HIDES_MILDER, SHORT_HIDES_LONG)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides who is told.

    `old_after_ms`: an alert that was decided so long after what it is about is history that was replayed.
    """

    routes: tuple[Route, ...] = ()
    inhibitions: tuple[Inhibition, ...] = DEFAULT_INHIBITIONS
    windows: tuple[MaintenanceWindow, ...] = ()
    old_after_ms: int = HOUR_MS

    def route(self, name: str) -> Route | None:
        """Return the route of a name."""
        return next((route for route in self.routes if route.name == name), None)

    def routes_of(self, alert: Alert) -> Iterator[Route]:
        """Yield the routes that an alert takes: the first that fits, and more where one says that it goes on."""
        for route in self.routes:
            if fits(route.matchers, alert):
                yield route
                if not route.goes_on:
                    return
