"""Tampers with a world that has come to rest: each forgery is one that a check of the verdict must notice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer
from msgspec import structs

from faults.facts import FinishedRun
from pipeline.clickhouse_client import connect
from pipeline.core.block import PackedBlock, pack, unpack
from pipeline.core.closed_pane import ClosedPart, decode_closed, encode_closed
from pipeline.core.records import LateEvents, Marks, Snapshot, decode, encode, encode_late
from pipeline.lander.kafka_clients import group_of
from pipeline.progress import progress_of
from pipeline.settings import Settings
from pipeline.topics import topics_of
from tests.faults.ledger import read_all


def one_more(block: PackedBlock) -> PackedBlock:
    """Return a block in which the first series has one more event."""
    plain = unpack(block)
    scalars = plain.scalars.copy()
    scalars[0, 0] += 1
    return pack(replace(plain, scalars=scalars))


def is_snapshot(record: Any) -> bool:
    """Tell snapshots from marks."""
    return isinstance(decode(record.value), Snapshot)


def slot_of(record: Any) -> tuple[object, ...]:
    """Return what the snapshots of one slot share."""
    found = decode(record.value)
    assert isinstance(found, Snapshot)
    return found.pane_start_ms, found.source, found.shard, found.part


def a_greater_snapshot(records: list[Any]) -> bytes:
    """Return the last snapshot of the first record's slot with one event more, under a greater version."""
    slot, every = slot_of(records[0]), [record for record in records if is_snapshot(record)]
    found = decode(next(record.value for record in reversed(every) if slot_of(record) == slot))
    assert isinstance(found, Snapshot)
    return encode(structs.replace(found, version=2**40, final=True, block=one_more(found.block)))


def a_wrong_mark(records: list[Any]) -> bytes:
    """Return the last marks, in which the first source has read more and counted one operation more."""
    marks = [one for one in map(decode, (record.value for record in records)) if isinstance(one, Marks)][-1]
    first = structs.replace(marks.marks[0], position=2**40, operations=marks.marks[0].operations + 1)
    return encode(structs.replace(marks, marks=[first]))


def another_alert(records: list[Any]) -> bytes:
    """Return the first transition with another content."""
    return json.dumps({**json.loads(records[0].value), "summary": "forged"}).encode()


def other_stats(records: list[Any]) -> bytes:
    """Return the first stats record with one call more in a window."""
    found = json.loads(records[0].value)
    found["windows"]["1m"]["calls"] += 1
    return json.dumps(found).encode()


def another_closed_pane(records: list[Any]) -> bytes:
    """Return the first closed pane with one event more."""
    found = decode_closed(next(record.value for record in records if record.value))
    return encode_closed(ClosedPart(found.part, found.parts, unpack(one_more(pack(found.block)))))


def a_false_letter(records: list[Any]) -> bytes:
    """Return a dead letter about an event that can be used."""
    return json.dumps({**json.loads(records[0].value), "offset": 2**39}).encode()


Forge = Callable[[list[Any]], bytes]


async def forge_topics(settings: Settings) -> None:
    """Put one forged record on every topic that the verdict reads, and wait until they have landed."""
    topics, kafka = topics_of(settings), settings.kafka or ""
    forgeries: list[tuple[str, Forge]] = [
        (topics.panes, a_greater_snapshot),
        (topics.panes, a_wrong_mark),
        (topics.alerts, another_alert),
        (topics.stats, other_stats),
        (topics.closed_panes, another_closed_pane),
        (topics.dead, a_false_letter),
    ]
    sent = []
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        for topic, forge in forgeries:
            records = [record for record in await read_all(kafka, topic) if record.value]
            # The one that is forged stands first, and its forgery in the same partition.
            first = next(r for r in records if topic != topics.panes or is_snapshot(r))
            value = forge([first, *records])
            sent.append(await producer.send_and_wait(topic, value, key=first.key, partition=first.partition))
        on_time = encode_late(LateEvents(settings.epoch, f"{topics.operations}-0", [2**38], [0], [0]))
        sent.append(await producer.send_and_wait(topics.late, on_time, partition=0))
    await _landed(settings, {(one.topic, one.partition): one.offset for one in sent})


async def _landed(settings: Settings, offsets: dict[tuple[str, int], int]) -> None:
    """Wait until the lander has committed past these: else one could land in the place of a row that is deleted."""
    deadline = time.monotonic() + 60
    async with progress_of(settings) as progress:
        while True:
            committed = {
                (one.topic, one.partition): one.committed
                for one in await progress.look()
                if one.group == group_of(settings)
            }
            left = {at for at, offset in offsets.items() if at in committed and committed[at] <= offset}
            if not left:
                return
            assert time.monotonic() < deadline, f"the lander has not come past {left}"
            await asyncio.sleep(0.5)


def forge_history(settings: Settings) -> None:
    """Delete one row of what can't be told from the topics: a slot, a raw event, a window, an alert."""
    with connect(settings) as client:
        client.database = settings.database
        for table, key in (
            ("slots_log", "service, operation, pane_start, source"),
            ("operations_log", "topic, partition, offset, idx"),
            ("window_stats_log", "service, operation, step_end, window"),
            ("alerts_log", "alert_id, sequence"),
        ):
            condition = f"({key}) IN (SELECT {key} FROM {table} WHERE operation != '' ORDER BY {key} DESC LIMIT 1)"
            client.command(f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2")


def forged_run(run: FinishedRun) -> FinishedRun:
    """Return the run with one event that was acknowledged and is not there, and an exit that nothing explains."""
    first, *rest = run.producers
    more = replace(first, sent=first.sent + 1, acknowledged=(*first.acknowledged, (first.sent, first.sent + 1)))
    return replace(run, producers=(more, *rest), unexpected=("aggregator-1 left with exit code 3",))
