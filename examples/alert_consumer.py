"""Follow the alerts from Python with nothing but aiokafka, and act on each transition once.

    PIPELINE_KAFKA=localhost:9092 python examples/alert_consumer.py

The topic `alerts` has every transition of every alert (`schemas/alert.py` says what is in one). A transition may
arrive twice, after a restart of the pipeline or of this program. `(alert_id, sequence)` is its identity, so whoever
remembers the last sequence of each alert acts once. `alerts.state` is for those who only want to know what is true now.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import OrderedDict
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("PIPELINE_KAFKA", "localhost:9092")
GROUP = os.environ.get("ALERT_GROUP", "alert-consumer-example")
TOLD = ("firing", "resolved")


class Seen:
    """The greatest sequence seen of each alert, for the `limit` alerts that moved last."""

    def __init__(self, limit: int = 10_000) -> None:
        self._sequences: OrderedDict[str, int] = OrderedDict()
        self._limit = limit

    def is_new(self, alert_id: str, sequence: int) -> bool:
        """Return whether this transition comes for the first time, and remember it."""
        if sequence <= self._sequences.get(alert_id, 0):
            return False
        self._sequences[alert_id] = sequence
        self._sequences.move_to_end(alert_id)
        if len(self._sequences) > self._limit:
            self._sequences.popitem(last=False)
        return True


def is_news(alert: dict[str, object]) -> bool:
    """Return whether an alert fires, changes its severity or is over; not that it fires again while it recovers."""
    back = alert["previous_state"] == "recovering" and alert["severity"] == alert.get("previous_severity")
    return alert["state"] in TOLD and not (alert["state"] == "firing" and back)


def line(alert: dict[str, object]) -> str:
    """Return an alert as one line for people."""
    decided = datetime.fromtimestamp(int(str(alert["step_end_ms"])) / 1_000, UTC)
    state = str(alert["state"]).upper()
    return f"{decided:%Y-%m-%d %H:%M:%S} {state:9} {alert['severity']!s:9} {alert['series']}  {alert['summary']}"


async def main() -> None:
    """Print each alert when it fires, changes its severity or is resolved, until Ctrl-C."""
    seen = Seen()
    consumer = AIOKafkaConsumer(
        "alerts",
        bootstrap_servers=KAFKA,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,  # committed below, when the alert has been acted on: at least once
    )
    try:
        await consumer.start()
        async for record in consumer:
            alert = json.loads(record.value)
            if seen.is_new(alert["alert_id"], alert["sequence"]) and is_news(alert):
                print(line(alert), flush=True)
            await consumer.commit()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KafkaConnectionError:
        sys.exit(f"No Kafka answers at {KAFKA}. PIPELINE_KAFKA names another one.")
    except KeyboardInterrupt:
        pass
