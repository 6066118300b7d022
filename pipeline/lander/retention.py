"""Retention that follows the settings: a table whose TTL differs from what is set gets a new one."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.lander.migrate import Client

_TTL = re.compile(r"TTL toDateTime\(received_at\) \+ (toInterval\w+\(\d+\))")

log = logging.getLogger(__name__)


def intervals(settings: Settings) -> dict[str, str]:
    """Return by table how long a row is kept, counted from when Kafka received it."""
    slots = f"toIntervalDay({settings.slots_days})"
    raw = f"toIntervalDay({settings.raw_days})"
    rollup = f"toIntervalMonth({settings.rollup_months})"
    alerts = f"toIntervalDay({settings.alerts_days})"
    return {
        "operations_log": raw,
        "errors_log": raw,
        "samples_log": raw,
        "slots_log": slots,
        "panes_1m_log": rollup,
        "panes_1h_log": rollup,
        "window_stats_log": slots,
        "alerts_log": alerts,
        "alert_decisions_log": f"toIntervalDay({settings.decisions_days})",
        "dead_letters_log": raw,
        "dead_outcomes_log": raw,
        "late_events_log": raw,
    }


def retention_to_change(client: Client, settings: Settings, cluster: str = "") -> dict[str, tuple[str, str]]:
    """Return the tables whose TTL is not what the settings say, with what it is and what it must be."""
    suffix = "_local" if cluster else ""
    wanted = {f"{table}{suffix}": interval for table, interval in intervals(settings).items()}
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}",
        {"database": settings.database},
    ).result_rows
    current = {str(name): match[1] for name, query in rows if (match := _TTL.search(str(query)))}
    found = {table: (current.get(table, interval), interval) for table, interval in wanted.items()}
    return {table: (before, after) for table, (before, after) in found.items() if before != after}


def apply_retention(client: Client, settings: Settings, cluster: str = "") -> list[str]:
    """Alter the tables whose TTL is not what the settings say; return their names."""
    on_cluster = f"ON CLUSTER '{cluster}'" if cluster else ""
    changed = retention_to_change(client, settings, cluster)
    for table, (before, after) in changed.items():
        client.command(
            f"ALTER TABLE {settings.database}.{table} {on_cluster} MODIFY TTL toDateTime(received_at) + {after}"
        )
        log.info("retention of %s changed from %s to %s", table, before, after)
    return list(changed)
