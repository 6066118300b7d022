"""The options that choose dead letters, the same for `list`, `replay` and `drop`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from pipeline.cli.moments import moment_ms
from pipeline.dead.identity import parse_id
from pipeline.dead.wanted import Wanted
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.reasons import Reason

Names = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Only these, named as they are listed.")]
Reasons = Annotated[list[Reason] | None, typer.Option("--reason", help="Only those refused for it; several may be.")]
TopicNames = Annotated[list[str] | None, typer.Option("--topic", help="Only those from this topic; several may be.")]
Since = Annotated[
    str, typer.Option(help="Only those that Kafka took in since then: 2h ago, or 2026-11-22T10:00 (UTC).")
]
Until = Annotated[str, typer.Option(help="Only those that Kafka took in before then.")]
Service = Annotated[str | None, typer.Option(help="Only those that name this service.")]
Contains = Annotated[str, typer.Option(help="Only those with this text in their bytes or in the sentence why.")]
Limit = Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def wanted(
    settings: Settings,
    names: list[str] | None,
    reasons: list[Reason] | None,
    topic_names: list[str] | None,
    since: str,
    until: str,
    service: str | None,
    contains: str,
) -> Wanted:
    """Return which letters the options mean. A topic may be named with or without the namespace."""
    now_ms = time.time_ns() // 1_000_000
    prefix = topics_of(settings).prefix
    return Wanted(
        reasons=frozenset(str(reason) for reason in reasons or ()),
        topics=frozenset(name if name.startswith(prefix) else prefix + name for name in topic_names or ()),
        since_ms=moment_ms(since, now_ms) if since else None,
        until_ms=moment_ms(until, now_ms) if until else None,
        service=service,
        contains=contains.encode(),
        ids=frozenset(map(parse_id, names or ())),
    )
