"""A notification: one message for one channel about one group of alerts."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.structs import Alert, AlertSeverity, NoticeKind

Kind = NoticeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a channel puts into its own form and sends.

    The alerts stand gravest first; `omitted` says how many more the group has. A notice `firing` may hold some that are
    resolved already, as each alert's `state` says; a notice `resolved` holds only those.
    """

    key: str  # idempotency key: the same for every attempt, and after a restart
    group: str  # id of the group; the same while it lives: for threads, editing, PagerDuty's dedup_key
    kind: Kind
    severity: AlertSeverity  # the gravest of the alerts that fire; of a resolved notice, the gravest there was
    title: str
    alerts: tuple[Alert, ...] = ()  # empty for tests, custom ones and heartbeats
    omitted: int = 0
    text: str = ""  # of custom ones and broadcasts; of `acknowledged`: by whom
    previous: str | None = None  # what the channel returned for the group's last message, for editing
