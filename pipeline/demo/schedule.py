"""The troubles of the demo: what goes wrong, when, and by how much. Time is seconds since the traffic began."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.demo.catalogue import Operation

CALM_START_S = 20.0
"""Until then nothing fails but on purpose: with few calls counted one failure is a high rate, and rules are right."""

PERIOD_S = 600.0
"""After this long the schedule begins again."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What troubles do to one call: its latency is multiplied, failures are added, some of them critical."""

    slowdown: float = 1.0
    failure_ratio: float = 0.0
    critical_ratio: float = 0.0  # of the failures


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble, in ``[start_s, end_s)`` of each period, for one operation or (empty) a whole service."""

    title: str
    service: str
    operation: str
    start_s: float
    end_s: float
    effect: Effect

    def strikes(self, elapsed_s: float) -> bool:
        """Whether it goes on at this time."""
        return self.start_s <= elapsed_s % PERIOD_S < self.end_s

    def concerns(self, operation: Operation) -> bool:
        """Whether it touches this operation."""
        return self.service == operation.service and self.operation in ("", operation.name)


TROUBLES: tuple[Trouble, ...] = (
    Trouble("slow spell: storefront/search takes 12 times as long", "storefront", "search", 12, 50, Effect(12.0)),
    Trouble(
        "error storm: 45 % of checkout/pay fail", "checkout", "pay", 22, 55, Effect(1.3, 0.45, critical_ratio=0.05)
    ),
    Trouble("media is slow: its disk is full", "media", "", 250, 290, Effect(6.0)),
    Trouble("accounts/login fails now and then", "accounts", "login", 400, 430, Effect(1.0, 0.12)),
)

CALM = Effect()


def effect_on(operation: Operation, elapsed_s: float) -> Effect:
    """Return what the schedule does to a call of this operation; the first trouble that fits decides."""
    for trouble in TROUBLES:
        if trouble.concerns(operation) and trouble.strikes(elapsed_s):
            return trouble.effect
    return CALM


def going_on(elapsed_s: float) -> list[str]:
    """Return the titles of the troubles at this time."""
    return [trouble.title for trouble in TROUBLES if trouble.strikes(elapsed_s)]
