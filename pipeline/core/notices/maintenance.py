"""Recurring maintenance windows: a time of day on some weekdays, in the time of a place."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from pipeline.core.notices.matching import Matcher

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class MaintenanceWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is told of alerts that fit while the clocks of `zone` stand between the two times.

    Minutes count from midnight on the clock's face, so that 02:00 is 02:00 in summer and in winter. A window whose end
    is not after its start goes on into the next day; `days` (0: Monday; none: every day) say when it starts.
    """

    name: str
    from_minute: int
    to_minute: int
    zone: str
    days: tuple[int, ...] = ()
    matchers: tuple[Matcher, ...] = ()

    def holds(self, now_ms: int) -> bool:
        """Whether it is in force."""
        local = datetime.fromtimestamp(now_ms / 1_000, ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        if self.from_minute < self.to_minute:
            return self._starts_on(local) and self.from_minute <= minute < self.to_minute
        began_today = self._starts_on(local) and minute >= self.from_minute
        return began_today or (self._starts_on(local - timedelta(days=1)) and minute < self.to_minute)

    def _starts_on(self, day: datetime) -> bool:
        return not self.days or day.weekday() in self.days
