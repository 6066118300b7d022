"""What ClickHouse says was counted, from the raw rows and from the slots, to be compared with the traffic."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from pipeline.clickhouse_client import connect
from pipeline.settings import Settings
from tests.faults.traffic import Account

RAW = """
SELECT toUnixTimestamp64Milli(timestamp) - toUnixTimestamp64Milli(timestamp) % 10000 AS pane, service, operation,
       count(), countIf(NOT success), sum(duration_us)
FROM operations GROUP BY pane, service, operation
"""
SLOTS = """
SELECT toUnixTimestamp64Milli(pane_start) AS pane, service, operation,
       sum(events), sum(failures), sum(latency_sum_us)
FROM slots WHERE operation != '' GROUP BY pane, service, operation
"""


def history_account(settings: Settings, query: str) -> Account:
    account = Account()
    with connect(settings) as client:
        client.database = settings.database
        for pane, service, operation, events, failures, latency_us in client.query(query).result_rows:
            account.events[pane, service, operation] = events
            if failures:
                account.failures[pane, service, operation] = failures
            account.latency_us[pane, service, operation] = latency_us
    return account


async def wait_until_landed(settings: Settings, events: int, seconds: float) -> None:
    """Wait until ClickHouse has so many operations, raw and in slots."""
    deadline = time.monotonic() + seconds
    while True:
        found: Any = await asyncio.to_thread(_landed, settings)
        if found == (events, events):
            return
        assert time.monotonic() < deadline, f"{found} of {events} (raw, in slots) landed in {seconds} s"
        await asyncio.sleep(0.5)


def _landed(settings: Settings) -> tuple[int, int]:
    return history_account(settings, RAW).total, history_account(settings, SLOTS).total
