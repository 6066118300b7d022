"""Makes the demo's records: calls, errors about them, and now and then an array, a late event or a bad one."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from pipeline.demo.catalogue import OPERATIONS, Operation
from pipeline.demo.schedule import CALM_START_S, Effect, effect_on

Kind = Literal["operation", "error"]

ARRAY_RATIO = 0.01
LATE_RATIO = 0.001
BAD_RATIO = 0.002
LATE_BY_MS = 120_000
_DISORDER_MS = 400
_ENVIRONMENT = "demo"
_REGIONS = ("eu", "us", "asia")

_FAILURES: dict[str, tuple[str, str]] = {
    "http": ("UpstreamReset", "the upstream closed the connection before it answered"),
    "db": ("DeadlockDetected", "the transaction was chosen as the victim of a deadlock"),
    "cache": ("CacheTimeout", "no answer from the cache within 50 ms"),
    "queue": ("PublishTimeout", "the queue did not acknowledge the message within 2 s"),
    "job": ("JobFailed", "the job left with exit code 137"),
    "dependency": ("DependencyUnavailable", "the other side answered 503"),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record to send: to which kind's topic, its bytes, and how many events it stands for."""

    kind: Kind
    value: bytes
    events: int


class Traffic:
    """An endless source of calls. The same `seed` and times make the same records."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - makes traffic, keeps no secret
        self._shares = [operation.share for operation in OPERATIONS]
        self._sequence = 0

    def call(self, now_ms: int, elapsed_s: float) -> list[Record]:
        """Return the records of one call, or one array of calls: one for the operations, one for errors if any failed.

        `now_ms` is the time of the call's end, `elapsed_s` where the schedule of troubles stands.
        """
        if self._chance(BAD_RATIO):
            return [self._bad(now_ms)]
        count = self._random.randint(2, 10) if self._chance(ARRAY_RATIO) else 1
        when_ms = now_ms - (LATE_BY_MS if self._chance(LATE_RATIO) else self._random.randint(0, _DISORDER_MS))
        chosen = self._random.choices(OPERATIONS, self._shares, k=count)
        pairs = [self._events(operation, when_ms, elapsed_s) for operation in chosen]
        errors = [error for _, error in pairs if error is not None]
        records = [_record("operation", [call for call, _ in pairs])]
        return [*records, _record("error", errors)] if errors else records

    def _events(
        self, operation: Operation, when_ms: int, elapsed_s: float
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        effect = effect_on(operation, elapsed_s)
        everyday = 0 if elapsed_s < CALM_START_S else 1
        duration_ms = operation.median_ms * effect.slowdown * math.exp(self._random.gauss(0, operation.spread))
        refused = self._chance(operation.refusal_ratio * everyday)
        failed = refused or self._chance(operation.failure_ratio * everyday + effect.failure_ratio)
        identity = self._identity(operation, when_ms)
        status = {"status_code": 422 if refused else 503 if failed else 200} if operation.kind == "http" else {}
        call = {
            "type": "operation",
            **identity,
            "duration_ms": round(duration_ms, 3),
            "success": not failed,
            "kind": operation.kind,
            **status,
            "metadata": {"region": self._random.choice(_REGIONS)},
        }
        return call, self._error(operation, identity, effect) if failed and not refused else None

    def _error(self, operation: Operation, identity: dict[str, Any], effect: Effect) -> dict[str, Any]:
        critical = self._chance(effect.critical_ratio)
        error_type, message = _FAILURES[operation.kind]
        if critical:
            error_type, message = "ProcessorDown", "no card processor answers; orders cannot be paid"
        return {
            "type": "error",
            **identity,
            "event_id": identity["event_id"] + "-e",
            "severity": "critical" if critical else "error",
            "error_type": error_type,
            "message": message,
        }

    def _identity(self, operation: Operation, when_ms: int) -> dict[str, Any]:
        self._sequence += 1
        return {
            "event_id": f"{when_ms:x}-{self._random.getrandbits(32):08x}-{self._sequence}",
            "timestamp_ms": when_ms,
            "service": operation.service,
            "operation": operation.name,
            "environment": _ENVIRONMENT,
            "user_id": f"u{self._random.randint(1, 500)}",
            "request_id": f"{self._random.getrandbits(64):016x}",
            "instance": f"{operation.service}-{self._random.randint(1, 3)}",
            "version": "1.4.2",
        }

    def _bad(self, now_ms: int) -> Record:
        """Return a record with one thing wrong that real producers get wrong."""
        good = {
            "type": "operation",
            **self._identity(self._random.choice(OPERATIONS), now_ms),
            "duration_ms": 12.5,
            "success": True,
        }
        wrong: dict[str, Any] = self._random.choice(
            [{"duration_ms": -3}, {"timestamp_ms": now_ms // 1_000}, {"service": ""}, {"success": "maybe"}]
        )
        if self._chance(0.2):
            return Record("operation", b'{"type": "operation", "event_id": "cut off in the mid', 1)
        return _record("operation", [{**good, **wrong}])

    def _chance(self, ratio: float) -> bool:
        return self._random.random() < ratio


def _record(kind: Kind, events: list[dict[str, Any]]) -> Record:
    value = events[0] if len(events) == 1 else events
    return Record(kind, orjson.dumps(value), len(events))
