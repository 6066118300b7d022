"""A lane: the deliveries of one channel that wait, and which of them is to be tried when."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.groups import gravity
from pipeline.core.notices.suppression import Why

FIRST_RETRY_MS = 1_000
LONGEST_RETRY_MS = 60_000
BREAK_AFTER = 5
"""Failures in a row after which the channel counts as dead, and is only tried now and then."""
BREAK_MS = 30_000
LONGEST_BREAK_MS = 300_000
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a channel allows itself."""

    attempts: int = 20
    per_minute: int = 60
    room: int = 1_000  # deliveries that may wait
    give_up_ms: int = 3_600_000  # a message that is older is not sent by itself


class Lane:
    """Within a group the order is kept; besides, the gravest goes first, and a message that fails lets others pass.

    After five failures in a row the breaker is open: no attempt for 30 s, then one, and for twice as long if that fails
    too (at most 5 min). `jitter` in [0, 1) is given by the caller.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.failures = 0  # in a row, over all messages
        self.limited = False  # whether the rate keeps back what could be sent now
        self._waiting: dict[str, Delivery] = {}
        self._due_ms: dict[str, int] = {}
        self._open_until_ms = 0
        self._tokens = float(limits.per_minute)
        self._filled_ms: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, delivery: Delivery) -> bool:
        """Take a delivery in; False when there is no room for it."""
        if len(self._waiting) >= self.limits.room and delivery.key not in self._waiting:
            return False
        self._waiting[delivery.key] = delivery
        return True

    def given_up(self, now_ms: int) -> list[Delivery]:
        """Take out what is too old to be sent, and return it as undelivered."""
        old = [one for one in self._waiting.values() if now_ms - _asked_ms(one) > self.limits.give_up_ms]
        for one in old:
            self._leave(one.key)
        minutes = self.limits.give_up_ms // MINUTE_MS
        return [one.undelivered(now_ms, f"not taken for {minutes} min; {one.answer}".rstrip("; ")) for one in old]

    def next(self, now_ms: int) -> Delivery | None:
        """Return what is to be tried now, None for nothing. It stays in the lane until it is told how that went."""
        self.limited = False
        if now_ms < self._open_until_ms:
            return None
        due = self._due(now_ms)
        if not due:
            return None
        self._fill(now_ms)
        if self._tokens < 1:
            self.limited = True
            return None
        self._tokens -= 1
        return min(due, key=lambda one: (-gravity(one.notification.severity), one.made_ms, one.key))

    def newly_kept(self, now_ms: int) -> list[Delivery]:
        """Return what could be sent now but for the breaker or the rate, and was not noted to wait for that; noted."""
        if now_ms < self._open_until_ms:
            why = Why.CIRCUIT_OPEN
        elif self.limited:
            why = Why.RATE_LIMITED
        else:
            return []
        kept = [one.kept_back(why) for one in self._due(now_ms) if why not in one.held]
        self._waiting |= {one.key: one for one in kept}
        return kept

    def delivered(self, delivery: Delivery, now_ms: int, reference: str | None) -> Delivery:
        """Return the delivery after an attempt that succeeded."""
        self.failures, self._open_until_ms = 0, 0
        self._leave(delivery.key)
        return delivery.delivered(now_ms, reference)

    def failed(
        self, delivery: Delivery, now_ms: int, answer: str, jitter: float, *, retry_after_ms: int | None = None
    ) -> Delivery:
        """Return the delivery after an attempt that failed, and see to when the next one is."""
        self._count_failure(now_ms)
        failed = delivery.failed(answer)
        if failed.attempts >= self.limits.attempts:
            self._leave(failed.key)
            return failed.undelivered(now_ms)
        wait_ms = min(FIRST_RETRY_MS << min(failed.attempts - 1, 16), LONGEST_RETRY_MS)
        self._due_ms[failed.key] = now_ms + max(int(wait_ms * (0.5 + jitter / 2)), retry_after_ms or 0)
        if retry_after_ms is not None:  # said of the receiver, not of the message
            self._open_until_ms = max(self._open_until_ms, now_ms + retry_after_ms)
        self._waiting[failed.key] = failed
        return failed

    def refused(self, delivery: Delivery, now_ms: int, answer: str) -> Delivery:
        """Return the delivery that its receiver will never take. The receiver is well."""
        self.failures, self._open_until_ms = 0, 0
        self._leave(delivery.key)
        return delivery.failed(answer).undelivered(now_ms)

    def _due(self, now_ms: int) -> list[Delivery]:
        return [one for one in self._heads() if self._due_ms.get(one.key, 0) <= now_ms]

    def _heads(self) -> list[Delivery]:
        heads: dict[str, Delivery] = {}
        for one in sorted(self._waiting.values(), key=lambda one: one.made_ms):
            heads.setdefault(one.notification.group, one)
        return list(heads.values())

    def _count_failure(self, now_ms: int) -> None:
        self.failures += 1
        if self.failures >= BREAK_AFTER:
            break_ms = BREAK_MS << min(self.failures - BREAK_AFTER, 16)
            self._open_until_ms = now_ms + min(break_ms, LONGEST_BREAK_MS)

    def _fill(self, now_ms: int) -> None:
        gone_ms = 0 if self._filled_ms is None else max(0, now_ms - self._filled_ms)
        self._filled_ms = now_ms
        full = float(self.limits.per_minute)
        self._tokens = min(full, self._tokens + gone_ms * full / MINUTE_MS)

    def _leave(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._due_ms.pop(key, None)


def _asked_ms(delivery: Delivery) -> int:
    return delivery.made_ms if delivery.resend_ms is None else delivery.resend_ms
