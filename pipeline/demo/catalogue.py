"""The four services of the demo and their 28 operations: how often each is called, how long it takes, how it fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as it behaves on a good day.

    - `share`: its part of all calls, relative to the others
    - `median_ms`, `spread`: latency is log-normal around the median; `spread` is the sigma of its logarithm
    - `failure_ratio`: calls that fail for a reason of the service's own; `refusal_ratio`: calls refused with a 4xx

    On a good day no default rule fires: both are rare enough for the seldom called operations too.
    """

    service: str
    name: str
    kind: str
    share: float
    median_ms: float
    spread: float
    failure_ratio: float = 0.0005
    refusal_ratio: float = 0.0


def _service(name: str, *operations: tuple[str, str, float, float, float, float, float]) -> tuple[Operation, ...]:
    return tuple(Operation(name, *operation) for operation in operations)


OPERATIONS: tuple[Operation, ...] = (
    # name, kind, share, median ms, spread, failures, refusals
    *_service(
        "storefront",
        ("home", "http", 9, 38, 0.45, 0.0005, 0),
        ("search", "http", 8, 120, 0.50, 0.001, 0.001),
        ("product", "http", 10, 55, 0.45, 0.0005, 0.002),
        ("category", "http", 5, 70, 0.45, 0.0005, 0.001),
        ("recommend", "dependency", 5, 95, 0.50, 0.002, 0),
        ("cart", "http", 4, 42, 0.40, 0.001, 0),
        ("cache_get", "cache", 12, 0.9, 0.50, 0.0002, 0),
    ),
    *_service(
        "checkout",
        ("begin", "http", 2.5, 85, 0.45, 0.001, 0),
        ("address", "http", 2, 60, 0.40, 0.0005, 0.001),
        ("shipping", "dependency", 2, 180, 0.40, 0.001, 0),
        ("coupon", "http", 1.2, 48, 0.40, 0.0005, 0.001),
        ("fraud_check", "dependency", 1.8, 210, 0.35, 0.001, 0),
        ("pay", "http", 3, 240, 0.35, 0.001, 0.001),
        ("confirm", "queue", 1.6, 22, 0.50, 0.0005, 0),
    ),
    *_service(
        "accounts",
        ("login", "http", 3, 140, 0.35, 0.0005, 0.002),
        ("logout", "http", 1, 18, 0.40, 0.0005, 0),
        ("register", "http", 0.8, 230, 0.35, 0.0005, 0),
        ("profile", "http", 2.5, 44, 0.45, 0.0005, 0.0005),
        ("session", "cache", 9, 1.4, 0.55, 0.0002, 0),
        ("reset", "job", 0.6, 190, 0.40, 0.0005, 0),
        ("query", "db", 8, 6.5, 0.70, 0.0005, 0),
    ),
    *_service(
        "media",
        ("image", "http", 9, 24, 0.60, 0.0005, 0.002),
        ("thumbnail", "job", 2, 130, 0.45, 0.001, 0),
        ("upload", "http", 1, 300, 0.28, 0.0005, 0),
        ("transcode", "job", 0.7, 380, 0.22, 0.0005, 0),
        ("segment", "http", 7, 16, 0.50, 0.0005, 0.001),
        ("scan", "dependency", 1, 220, 0.38, 0.0005, 0),
        ("delete", "http", 0.7, 30, 0.40, 0.0005, 0),
    ),
)
"""All 28, in the order in which the view lists them."""

SERVICES: tuple[str, ...] = tuple(dict.fromkeys(operation.service for operation in OPERATIONS))
