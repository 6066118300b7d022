"""The book: all that the notifier remembers. Whatever changes in it is to be written down before anything is sent."""

from __future__ import annotations

import msgspec

from pipeline.core.notices.delivery import KEPT_MS, Delivery
from pipeline.core.notices.groups import Group, Known

Record = Known | Group | Delivery
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)

_FORGET_MS = 3_600_000
"""So long an alert that is over is remembered: a transition that comes again means nothing then."""


def record_key(record: Record) -> str:
    """Return the record's key on `notifications`."""
    if isinstance(record, Known):
        return f"alert/{record.alert.alert_id}"
    return f"group/{record.key}" if isinstance(record, Group) else f"delivery/{record.key}"


def encode_record(record: Record) -> bytes:
    """Return the record's value."""
    return _encoder.encode(record)


def decode_record(value: bytes) -> Record:
    """Return the record in a value; raises msgspec.DecodeError for anything else."""
    return _decoder.decode(value)


class Book:
    """Alerts by id, groups and deliveries by key. `changes` are what is not written down yet."""

    def __init__(self) -> None:
        self.alerts: dict[str, Known] = {}
        self.groups: dict[str, Group] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.changes: dict[str, Record | None] = {}
        self.stirred = True  # whether something changed that could matter to a group
        self._references: dict[tuple[str, str], str] = {}

    def load(self, record: Record) -> None:
        """Take in what was written down by an earlier start."""
        if isinstance(record, Known):
            self.alerts[record.alert.alert_id] = record
        elif isinstance(record, Group):
            self.groups[record.key] = record
        else:
            self.deliveries[record.key] = record

    def loaded(self) -> None:
        """Put together what follows from the records; to be called when all are in."""
        for delivery in sorted(self.deliveries.values(), key=lambda one: one.ended_ms or 0):
            self._refer(delivery)

    def put(self, record: Record) -> None:
        """Change a record."""
        self.load(record)
        self.changes[record_key(record)] = record
        if isinstance(record, Delivery):
            self._refer(record)

    def drop(self, record: Record) -> None:
        """Forget a record."""
        if isinstance(record, Known):
            self.alerts.pop(record.alert.alert_id, None)
        elif isinstance(record, Group):
            self.groups.pop(record.key, None)
        else:
            self.deliveries.pop(record.key, None)
        self.changes[record_key(record)] = None

    def take_changes(self) -> dict[str, Record | None]:
        """Return what is to be written down, by key; None: to be deleted."""
        changes, self.changes = self.changes, {}
        return changes

    def reference(self, delivery: Delivery) -> str | None:
        """Return what the provider called the last message of the same group on the same channel."""
        return self._references.get(delivery.thread)

    def waiting(self) -> list[Delivery]:
        """Return the deliveries that are to be sent, oldest first."""
        found = [one for one in self.deliveries.values() if one.state == "waiting"]
        return sorted(found, key=lambda one: (one.made_ms, one.key))

    def send_again(self, key: str, requested_ms: int) -> None:
        """Obey a request to send what is undelivered again, once.

        What a later message of its group has overtaken stays undelivered: it would show as it was what is over by now.
        """
        delivery = self.deliveries.get(key)
        if delivery is None or delivery.state != "undelivered" or (delivery.resend_ms or 0) >= requested_ms:
            return
        self.put(delivery.overtaken(requested_ms) if self._is_overtaken(delivery) else delivery.again(requested_ms))

    def _is_overtaken(self, delivery: Delivery) -> bool:
        # That somebody looks after it says nothing of what went before.
        later = (one for one in self.deliveries.values() if one.thread == delivery.thread and one.state == "delivered")
        return any(one.made_ms > delivery.made_ms and one.notification.kind != "acknowledged" for one in later)

    def sweep(self, now_ms: int) -> None:
        """Forget alerts that are over and deliveries that are a week old, unless a group still needs them."""
        living = {group.id for group in self.groups.values()}
        needed = {alert_id for group in self.groups.values() for alert_id in group.members}
        for known in list(self.alerts.values()):
            if not known.on and now_ms - known.seen_ms > _FORGET_MS and known.alert.alert_id not in needed:
                self.drop(known)
        for delivery in list(self.deliveries.values()):
            ended = delivery.ended_ms is not None and now_ms - delivery.ended_ms > KEPT_MS
            if ended and delivery.notification.group not in living:
                self.drop(delivery)
                self._references.pop(delivery.thread, None)

    def _refer(self, delivery: Delivery) -> None:
        if delivery.state == "delivered" and delivery.reference is not None:
            self._references[delivery.thread] = delivery.reference
