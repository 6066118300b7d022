"""Records for the model's logs: real bytes, and what each element of them means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from faust.types import TP

from pipeline.core.series import Series

Kind = Literal["operation", "error", "sample", "dead"]
Verdict = Literal["ok", "failed", "client_error", "timeout", "cancelled"]

SERVICES = ("shop", "auth")
OPERATIONS = ("pay", "list")
DURATIONS_MS = (0.0, 1.5, 20.0, 21.0, 900.0, 4_000.0)
STATUS = {"ok": 200, "failed": 500, "client_error": 404, "timeout": 504, "cancelled": None}


@dataclass(frozen=True)
class Element:
    """One element of a record, as its producer meant it. Of dead ones only the bytes matter."""

    kind: Kind
    timestamp_ms: int = 0
    service: str = "shop"
    operation: str = "pay"  # empty: an error that names none
    duration_ms: float = 20.0
    verdict: Verdict = "ok"
    weight: int = 1
    severity: str = "error"
    poison: bytes = b""
    environment: str = "prod"

    @property
    def series(self) -> Series:
        return Series(self.environment, self.service, self.operation)

    def encode(self, number: str) -> bytes:
        """The element as JSON; `number` makes its event_id."""
        if self.kind == "dead":
            return self.poison
        common = {
            "type": self.kind,
            "event_id": number,
            "timestamp_ms": self.timestamp_ms,
            "service": self.service,
            "environment": self.environment,
            "weight": self.weight,
        }
        if self.kind == "sample":
            return json.dumps({**common, "name": "queue", "value": 1.0}).encode()
        if self.kind == "error":
            named = {"operation": self.operation} if self.operation else {}
            about = {"severity": self.severity, "error_type": "Declined", "message": "no"}
            return json.dumps({**common, **named, **about}).encode()
        outcome = {"outcome": "cancelled"} if self.verdict == "cancelled" else {}
        status = {"status_code": STATUS[self.verdict]} if STATUS[self.verdict] else {}
        call = {"operation": self.operation, "duration_ms": self.duration_ms, "success": self.verdict == "ok"}
        return json.dumps({**common, **call, **outcome, **status}).encode()


@dataclass(frozen=True)
class Published:
    """A record of ``events.*`` as the broker has it. `whole`: not an array, or nothing that can be read as one."""

    tp: TP
    offset: int
    append_ms: int
    value: bytes
    elements: tuple[Element, ...]
    whole: bool

    @property
    def source(self) -> str:
        return f"{self.tp.topic}-{self.tp.partition}"


def encode(elements: Sequence[Element], number: str, *, whole: bool) -> bytes:
    """Return a record's bytes: one element alone, or an array."""
    bodies = [element.encode(f"{number}.{place}") for place, element in enumerate(elements)]
    return bodies[0] if whole else b"[" + b",".join(bodies) + b"]"


@dataclass
class Truth:
    """Everything that was published, by source partition in log order."""

    records: dict[TP, list[Published]] = field(default_factory=dict)

    def add(self, record: Published) -> None:
        self.records.setdefault(record.tp, []).append(record)

    def below(self, tp: TP, offset: int, since: int = 0) -> list[Published]:
        return [record for record in self.records.get(tp, ()) if since <= record.offset < offset]
