"""Makes the records of one producer: fills numbers and times into what the seed has decided."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from faults.load.content import Flavour, Kind, RecordPlan, half_bad, ring

LEDGER = "pipeline-ledger"
_KEPT = 64
_UNREADABLE: dict[Flavour, bytes | None] = {
    Flavour.NOT_JSON: b'{"type":"operation","event_id":"cut off',
    Flavour.NOT_UTF8: b'{"type":"operation","event_id":"\xf6"}',
    Flavour.NO_VALUE: None,
}


@dataclass(frozen=True, slots=True)
class Made:
    """One record to be sent; its events have the numbers ``[first, past)``. `number` decides where it goes."""

    error: bool
    number: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    first: int
    past: int


class Maker:
    """An endless source of records. `producer` and `boot` are part of every event's id; a boot counts from 0."""

    def __init__(self, producer: str, kind: Kind, seed: int, series: int) -> None:
        self.producer = producer
        self.boot = ""
        self.sent = 0
        self._ring = ring(seed, kind, series)
        self._boots = 0
        self._at = 0
        self._recent: deque[tuple[bytes, int]] = deque(maxlen=_KEPT)
        self.reboot()

    def reboot(self) -> None:
        """Begin a new boot. What is sent goes on where it was."""
        self._boots += 1
        self.boot, self.sent = f"boot-{self._boots}", 0
        self._prefix = f"{self.producer}/{self.boot}/".encode()

    def make(self, now_ms: int, *, storm: bool) -> Made:
        """Return the next record, as of now."""
        plan = self._ring[self._at]
        self._at = (self._at + 1) % len(self._ring)
        value, events = self._value(plan, now_ms, storm=storm)
        first, self.sent = self.sent, self.sent + events
        ledger = b"%b%d/%d" % (self._prefix, first, events) if events > 1 else b"%b%d" % (self._prefix, first)
        key = plan.key if plan.flavour is not Flavour.NO_VALUE else b"nothing"
        error = plan.error != (plan.flavour is Flavour.WRONG_TOPIC)
        return Made(error, plan.number, key, value, [(LEDGER, ledger)], first, self.sent)

    def _value(self, plan: RecordPlan, now_ms: int, *, storm: bool) -> tuple[bytes | None, int]:
        if plan.flavour in _UNREADABLE:
            return _UNREADABLE[plan.flavour], 1
        if plan.flavour is Flavour.DUPLICATE and self._recent:
            return self._recent[plan.number % len(self._recent)]
        value, events = self._events(plan, now_ms, storm=storm)
        if plan.flavour is Flavour.ORDINARY:
            self._recent.append((value, events))
        if plan.flavour is Flavour.HALF_BAD:
            bare = value[1:-1] if value.startswith(b"[") else value
            return b"[%b,%b]" % (bare, half_bad(plan.number)), events + 1
        return value, events

    def _events(self, plan: RecordPlan, now_ms: int, *, storm: bool) -> tuple[bytes, int]:
        begin = b'{"type":"%b","event_id":"%b' % (b"error" if plan.error else b"operation", self._prefix)
        texts = [
            b'%b%d","timestamp_ms":%d,%b' % (begin, number, now_ms - one.behind_ms, one.storm if storm else one.calm)
            for number, one in enumerate(plan.events, self.sent)
        ]
        return (b"[%b]" % b",".join(texts) if plan.array else texts[0]), len(texts)
