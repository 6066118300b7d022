"""The watch on the pipeline itself: from what a look at it shows to alerts of its own. Time comes in with the look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from pipeline.core.alert_message import alert_id
from pipeline.core.alert_text import duration_text
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.plan import HOUR_MS
from pipeline.core.series import Series
from schemas.structs import Alert, AlertSeverity

RULE_TYPE = "pipeline"
"""The `rule_type` of alerts about the pipeline itself; their environment is the same word, the service a part of it."""

UNDELIVERED = "pipeline-undelivered"

LASTING_MS = 120_000
"""So long a lag or a late watermark must be there before it is told: less is what a restart costs."""

LEFT_OVER = 100
"""Records at the end of a topic that nobody may ever read: marks of transactions, and what aborted ones leave."""

DEAD_WINDOW_MS = 300_000


class WatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is borne. Each is passed when it is exceeded."""

    lag: int = 100_000  # records of one group that are there and not read
    delay_ms: int = 300_000  # of the watermark, and of a partition that stands still
    dead_letters: int = 100  # in five minutes
    undelivered: int = 0  # notices of the last hour that were given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one part of the pipeline stands on one partition."""

    part: str  # aggregator, evaluator, lander, notifier
    place: str  # topic and partition
    position: int
    end: int

    @property
    def lag(self) -> int:
        """Records that are there and not read."""
        return max(self.end - self.position, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one look showed. `dead_letters` counts all that there ever were; `watermark_ms` is the least one."""

    at_ms: int
    standing: tuple[Standing, ...] = ()
    watermark_ms: int | None = None
    dead_letters: int = 0
    undelivered: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of one part: how much it is, how much is borne, and in words."""

    rule: str
    part: str
    severity: AlertSeverity
    value: float
    limit: float
    unit: str
    words: str
    lasts: bool = False  # whether it is raised only when it lasts

    @property
    def is_bad(self) -> bool:
        """Whether more is there than is borne."""
        return self.value > self.limit


class SelfWatch:
    """Remembers the looks of the last minutes, and nothing that a restart must not forget: alerts are in the book."""

    def __init__(self, limits: WatchLimits) -> None:
        self._limits = limits
        self._moved: dict[tuple[str, str], tuple[int, int]] = {}  # position, and when it was first seen there
        self._bad_ms: dict[tuple[str, str], int] = {}  # since when, by rule and part
        self._dead: list[tuple[int, int]] = []  # when, and how many there had been
        self._begun_ms: int | None = None

    def look(self, seen: Sighting, firing: Mapping[tuple[str, str], Alert]) -> list[Alert]:
        """Return the transitions that a look makes; `firing` has the alerts that are on, by rule and part."""
        found = {(one.rule, one.part): one for one in self._findings(seen)}
        bad = {key: one for key, one in found.items() if one.is_bad}
        self._bad_ms = {key: self._bad_ms.get(key, seen.at_ms) for key in bad}
        made = [_fired(one, seen.at_ms) for key, one in bad.items() if key not in firing and self._is_due(one, seen)]
        over = [key for key in firing if key not in bad]
        if self._knows_enough(seen.at_ms):
            made += [_over(firing[key], found.get(key), seen.at_ms) for key in over]
        return made

    def _is_due(self, one: Finding, seen: Sighting) -> bool:
        return not one.lasts or seen.at_ms - self._bad_ms[one.rule, one.part] >= LASTING_MS

    def _knows_enough(self, now_ms: int) -> bool:
        """Whether it has looked for long enough to say that something is over: a restart ends nothing."""
        if self._begun_ms is None:
            self._begun_ms = now_ms
        return now_ms - self._begun_ms > max(self._limits.delay_ms, DEAD_WINDOW_MS) + LASTING_MS

    def _findings(self, seen: Sighting) -> Iterator[Finding]:
        yield from self._lags(seen)
        yield from self._still(seen)
        if seen.watermark_ms is not None:
            delay_ms = max(seen.at_ms - seen.watermark_ms, 0)
            words = f"the watermark is {_rounded(delay_ms)} behind: alerts come late, or not at all"
            yield self._of_time("pipeline-watermark", "evaluator", delay_ms, words, lasts=True)
        new, limit = self._new_dead(seen), self._limits.dead_letters
        words = f"{new} events in {duration_text(DEAD_WINDOW_MS)} could not be used: `pipeline dead list` has them"
        yield Finding("pipeline-dead-letters", "aggregator", "warning", new, limit, "letters", words)
        lost = seen.undelivered
        words = f"{lost} notices of the last hour were given up: `pipeline notify undelivered` has them"
        yield Finding(UNDELIVERED, "notifier", "error", lost, self._limits.undelivered, "notices", words)

    def _lags(self, seen: Sighting) -> Iterator[Finding]:
        lags: dict[str, int] = {}
        for one in seen.standing:
            lags[one.part] = lags.get(one.part, 0) + one.lag
        for part, lag in lags.items():
            words = f"the {part} has {lag:,} records to read"
            yield Finding("pipeline-lag", part, "warning", lag, self._limits.lag, "records", words, lasts=True)

    def _still(self, seen: Sighting) -> Iterator[Finding]:
        """Yield for each part how long its partition that stands longest has stood, though there is more to read."""
        longest: dict[str, tuple[int, str]] = {}
        for one in seen.standing:
            key = (one.part, one.place)
            position, since_ms = self._moved.get(key, (-1, 0))
            if position != one.position or one.lag <= LEFT_OVER:
                since_ms = seen.at_ms
            self._moved[key] = (one.position, since_ms)
            longest[one.part] = max(longest.get(one.part, (0, "")), (seen.at_ms - since_ms, one.place))
        for part, (still_ms, place) in longest.items():
            words = f"the {part} has stood still on {place} for {_rounded(still_ms)} though there is more to read"
            yield self._of_time("pipeline-stuck", part, still_ms, words)

    def _new_dead(self, seen: Sighting) -> int:
        self._dead.append((seen.at_ms, seen.dead_letters))
        while len(self._dead) > 1 and self._dead[1][0] <= seen.at_ms - DEAD_WINDOW_MS:
            del self._dead[0]
        return max(seen.dead_letters - self._dead[0][1], 0)

    def _of_time(self, rule: str, part: str, length_ms: int, words: str, *, lasts: bool = False) -> Finding:
        limit = self._limits.delay_ms / 1_000
        return Finding(rule, part, "critical", length_ms / 1_000, limit, "s", words, lasts)


def given_up(deliveries: Iterable[Delivery], now_ms: int) -> int:
    """Return how many notices of the last hour were given up, but for those that say just that."""
    lost = [one for one in deliveries if one.state == "undelivered" and now_ms - (one.ended_ms or 0) <= HOUR_MS]
    return sum(any(alert.rule != UNDELIVERED for alert in one.notification.alerts) for one in lost)


def firing_of(alerts: Iterable[Alert]) -> dict[tuple[str, str], Alert]:
    """Return those that are on of the pipeline's own alerts, by rule and part."""
    own = (one for one in alerts if one.rule_type == RULE_TYPE and one.state == "firing")
    return {(one.rule, one.service): one for one in own}


def _fired(one: Finding, at_ms: int) -> Alert:
    series = Series(RULE_TYPE, one.part, "")
    return Alert(
        alert_id=alert_id(one.rule, series, str(at_ms)),
        episode=1,
        sequence=1,
        rule=one.rule,
        rule_type=RULE_TYPE,
        state="firing",
        previous_state="inactive",
        severity=one.severity,
        environment=RULE_TYPE,
        service=one.part,
        operation="",
        series=series.label(),
        value=one.value,
        threshold=one.limit,
        comparison=">",
        unit=one.unit,
        window="",
        window_start_ms=at_ms,
        window_end_ms=at_ms,
        samples=1,
        step_end_ms=at_ms,
        decided="on_time",
        started_ms=at_ms,
        fired_ms=at_ms,
        notify=True,
        notify_reason="NOTIFY_FIRST",
        summary=f"{one.rule}: {one.words}",
    )


def _over(alert: Alert, now: Finding | None, at_ms: int) -> Alert:
    return msgspec.structs.replace(
        alert,
        sequence=alert.sequence + 1,
        state="resolved",
        previous_state="firing",
        value=None if now is None else now.value,
        window_start_ms=at_ms,
        window_end_ms=at_ms,
        step_end_ms=at_ms,
        resolved_ms=at_ms,
        notify_reason="NOTIFY_RESOLVED",
        summary=f"{alert.rule}: {alert.service} is well again",
    )


def _rounded(length_ms: int) -> str:
    return duration_text(length_ms - length_ms % 1_000)
