"""What people were to be told and were not."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from pipeline.cli.figures import moment
from pipeline.core.notices.delivery import Delivery
from pipeline.notifier.journal import read_book
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics


async def undelivered_now(settings: Settings) -> list[Delivery]:
    """Return the deliveries that were given up, oldest first."""
    await ensure_topics(settings)
    book = await read_book(settings)
    found = [one for one in book.deliveries.values() if one.state == "undelivered"]
    return sorted(found, key=lambda one: (one.made_ms, one.key))


def undelivered_table(deliveries: list[Delivery]) -> Table:
    """Return them as a table."""
    table = Table("key", "channel", "made", "severity", "title", "tries", "answer", box=None, header_style="bold")
    for one in deliveries:
        told, tries, answer = one.notification, str(one.attempts), escape(one.answer)
        table.add_row(one.key, one.channel, moment(one.made_ms), told.severity, escape(told.title), tries, answer)
    return table
