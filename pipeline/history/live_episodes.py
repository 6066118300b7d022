"""How often alerts fired live, as ClickHouse has it."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from pipeline.history.expected_slots import Span


def fired_live(client: Client, database: str, span: Span) -> dict[str, int]:
    """Return by rule how many episodes fired in ``(from, to]``."""
    found = client.query(f"""
        SELECT rule, count() FROM (
            SELECT rule, alert_id, min(toUnixTimestamp64Milli(fired)) AS fired_ms FROM {database}.alerts
            WHERE fired IS NOT NULL GROUP BY rule, alert_id
        ) WHERE fired_ms > {span.from_ms} AND fired_ms <= {span.to_ms} GROUP BY rule""").result_rows
    return {str(rule): int(episodes) for rule, episodes in found}
