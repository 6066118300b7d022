"""The notifier watches the pipeline itself: its heartbeat, and an alert of its own, on a real Kafka."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from pipeline.notifier import self_look
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas import structs
from tests.faults.ledger import read_all
from tests.stack.lander_runs import publish
from tests.stack.receiver import Receiver
from tests.stack.test_notifier import hook, notifier, other, place, until, written

__all__ = ["hook", "other", "place"]

pytestmark = pytest.mark.stack


async def test_it_beats_and_raises_an_alert_of_its_own_which_is_on_the_topics_as_all_others_are(
    place: Settings, hook: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_look, "EVERY_SECONDS", 0.3)
    settings = written(place, hook=hook)
    deadman = f"  - {{name: deadman, type: webhook, url: '{other.url}'}}\n"
    path = settings.notifications
    assert path is not None
    text = path.read_text().replace("routes:", f"{deadman}routes:").replace("watch: false", "watch: {dead_letters: 2}")
    path.write_text(f"{text}heartbeat: {{channel: deadman, every: 10s}}\n")
    async with notifier(settings):
        await until(lambda: [one["kind"] for one in other.taken][:1], ["heartbeat"])
        for _ in range(60):  # letters that were there before the first look are none of now
            await publish(settings, topics_of(settings).dead, [b"{}"] * 3, partitions=1)
            await asyncio.sleep(0.5)
            if hook.taken:
                break
        await until(lambda: [alert["rule"] for one in hook.taken for alert in one["alerts"]], ["pipeline-dead-letters"])
    (raised,) = hook.taken[0]["alerts"]
    assert raised["series"] == "pipeline/aggregator"
    kafka, topics = settings.kafka or "", topics_of(settings)
    (told,) = [
        msgspec.json.decode(one.value, type=structs.Alert)
        for one in await read_all(kafka, topics.alerts, "read_committed")
    ]
    assert (told.alert_id, told.state, told.threshold) == (raised["alert_id"], "firing", 2)
    decided = [structs.decode(one.value) for one in await read_all(kafka, topics.decisions, "read_committed")]
    assert "BREACH" in {one.reason for one in decided if isinstance(one, structs.AlertDecision)}
