"""`pipeline new-epoch`: goes on after a topic was deleted and made again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import print_json, say
from pipeline.cli.group_offsets import Committed, committed_by, members_of
from pipeline.epochs import KEY, Epochs, encoded, known_epochs, remade
from pipeline.errors import FatalError
from pipeline.kafka_answers import refuse_failed_answers
from pipeline.progress import unreachable
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topic_ids import topic_ids
from pipeline.topics import topics_of

_LEAVING_SECONDS = 15
"""So long a worker that died without a word stays in its group."""
_LOOK_EVERY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: topics with their new epochs, what is to be known, and offsets by group to go back to."""

    raised: dict[str, int]
    known: Epochs
    offsets: dict[str, Committed]

    def facts(self, *, dry_run: bool) -> dict[str, object]:
        """Return it as JSON has it."""
        back = {group: [f"{tp.topic}-{tp.partition}" for tp in sorted(found)] for group, found in self.offsets.items()}
        return {"raised": self.raised, "read_from_the_beginning": back, "dry_run": dry_run}


def new_epoch(
    topic: Annotated[
        list[str] | None,
        typer.Option(
            "--topic", help="A topic of events that was made again, where nothing shows that; several may be."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Go on after a topic of events was deleted and made again: raise its epoch, and read it from its beginning.

    What was counted stays. Aggregators and landers must be stopped; both things are done at once, or neither is.
    """
    settings = resolve(load(), clickhouse=False)
    plan = asyncio.run(_new_epoch(settings, topic or [], dry_run))
    if as_json:
        print_json(plan.facts(dry_run=dry_run))
    else:
        _tell(plan, dry_run)


async def _new_epoch(settings: Settings, named: list[str], dry_run: bool) -> Plan:
    refuse_failed_answers()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
    except KafkaConnectionError:
        raise unreachable(settings) from None
    try:
        if not dry_run:
            await ensure_topics(settings)
        plan = await _plan(settings, admin, named)
        if plan.offsets and not dry_run:
            await _wait_until_nobody_reads(admin, _groups(settings))
            await _carry_out(settings, plan)
        return plan
    finally:
        await admin.close()


def _groups(settings: Settings) -> tuple[str, str]:
    prefix = f"{settings.namespace}." if settings.namespace else ""
    return f"{prefix}pipeline-aggregator", f"{prefix}pipeline-lander"


async def _plan(settings: Settings, admin: AIOKafkaAdminClient, named: list[str]) -> Plan:
    events = topics_of(settings).events()
    for topic in named:
        if topic not in events:
            raise FatalError(f"{topic} is not a topic of events: those are {', '.join(events)}")
    known, ids = await known_epochs(settings), await topic_ids(settings.kafka or "", events)
    committed = {group: await committed_by(admin, group) for group in _groups(settings)}
    begins, ends = await _bounds({place for found in committed.values() for place in found}, settings, admin)
    beyond = {tp.topic for found in committed.values() for tp, offset in found.items() if offset > ends.get(tp, 0)}
    again = {*remade(known, ids), *named, *(beyond & {*events})}
    before = dict.fromkeys(events, settings.epoch) | (known.epochs if known else {})
    raised = {topic: before[topic] + 1 for topic in events if topic in again}
    offsets = {
        group: back
        for group, found in committed.items()
        if (back := {tp: begins[tp] for tp in found if tp.topic in again | beyond and tp in begins})
    }
    after = Epochs(before | raised, {**(known.topic_ids if known else {}), **ids}, time.time_ns() // 1_000_000)
    # A topic that was made again before anybody had read it: only its id is to be known.
    return Plan(raised, after, offsets or ({group: {} for group in committed} if raised else {}))


async def _bounds(
    places: set[TopicPartition], settings: Settings, admin: AIOKafkaAdminClient
) -> tuple[Committed, Committed]:
    """Return where partitions begin and end now, of those that are there."""
    there = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    wanted = [place for place in places if place.partition < there.get(place.topic, 0)]
    if not wanted:
        return {}, {}
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, group_id=None)
    await consumer.start()
    try:
        return await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
    finally:
        await consumer.stop()


async def _wait_until_nobody_reads(admin: AIOKafkaAdminClient, groups: tuple[str, str]) -> None:
    deadline = time.monotonic() + _LEAVING_SECONDS
    told = False
    while members := await members_of(admin, groups):
        if time.monotonic() > deadline:
            raise FatalError(
                f"Workers are still running: {'; '.join(members)}. Stop every aggregator and lander, and run this "
                "again."
            )
        if not told:
            say(f"Waiting until nobody is in the groups any more: {'; '.join(members)}")
            told = True
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _carry_out(settings: Settings, plan: Plan) -> None:
    """Write the epochs down and move the offsets back, in one transaction."""
    prefix = f"{settings.namespace}." if settings.namespace else ""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, transactional_id=f"{prefix}pipeline-new-epoch", transaction_timeout_ms=15_000
    )
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(topics_of(settings).control, encoded(plan.known), key=KEY, partition=0)
            for group, back in plan.offsets.items():
                if back:
                    wanted = {place: OffsetAndMetadata(offset, "") for place, offset in back.items()}
                    await producer.send_offsets_to_transaction(wanted, group)
    except KafkaError as error:
        raise FatalError(
            f"Kafka did not take the change: {error or type(error).__name__}. Nothing was changed; has a worker been "
            "started meanwhile?"
        ) from error
    finally:
        await producer.stop()


def _tell(plan: Plan, dry_run: bool) -> None:
    if not plan.offsets:
        say("No topic was made again, as far as ids and offsets show: nothing is to be done. --topic names one.")
        return
    would = "Would be" if dry_run else "Is"
    for topic, epoch in plan.raised.items():
        say(f"{topic}: {would.lower()} in epoch {epoch} from its beginning on; what was counted in {epoch - 1} stays.")
    for group, back in plan.offsets.items():
        topics = sorted({place.topic for place in back})
        if topics:
            say(f"{group}: {would.lower()} to read {', '.join(topics)} from the beginning.")
    if not dry_run:
        say("Start the aggregators and landers again.")
