"""Sends dead letters again, a few hundred in each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer

from pipeline.dead.identity import LetterId, id_of
from pipeline.dead.letters import Found
from pipeline.dead.original import original_value
from pipeline.dead.outcomes import Decided, Outcomes
from pipeline.dead.reading import letters_at
from pipeline.dead.sending import Sending, refused_again, sending, whole_value
from pipeline.errors import FatalError, RejectedEvent
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.structs import DeadLetter

AT_ONCE = 200
AT_ONCE_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Replayed:
    """What a replay has done so far.

    `unsendable` says of each letter that stays as it is why; `refused_again` of each that was sent, or would be, why
    this release won't take it either: it comes back as a dead letter, with its count.
    """

    sent: int = 0
    unsendable: dict[LetterId, str] = field(default_factory=dict)
    refused_again: dict[LetterId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replayer:
    """Replays letters. Without `outcomes` nothing is sent: a rehearsal.

    `consumer` reads the topic of dead letters, `originals` the records of those that were cut. `through` is a command
    of the shell that gets the bytes of each letter on stdin, and whose output is sent in their place.
    """

    settings: Settings
    consumer: AIOKafkaConsumer
    originals: AIOKafkaConsumer
    outcomes: Outcomes | None
    through: str | None = None

    async def replay(self, letters: Sequence[Found], now_ms: int) -> AsyncIterator[Replayed]:
        """Send letters again in their order; yield how far it is after every transaction."""
        result = Replayed()
        ready: list[Decided] = []
        ready_bytes = 0
        async for _, letter in letters_at(self.settings, self.consumer, [one.at for one in letters]):
            name = id_of(letter)
            try:
                record = await self._prepared(letter)
            except RejectedEvent as rejected:
                result.unsendable[name] = rejected.reason
                continue
            why = refused_again(topics_of(self.settings), record.topic, record.value)
            if why is not None:
                result.refused_again[name] = why
            ready.append(Decided(name, "replayed", record.attempt, record))
            ready_bytes += len(record.value)
            if len(ready) >= AT_ONCE or ready_bytes >= AT_ONCE_BYTES:
                yield await self._written(ready, now_ms, result)
                ready, ready_bytes = [], 0
        yield await self._written(ready, now_ms, result)

    async def _written(self, ready: list[Decided], now_ms: int, result: Replayed) -> Replayed:
        if self.outcomes is not None and ready:
            await self.outcomes.write(ready, now_ms)
        result.sent += len(ready)
        return result

    async def _prepared(self, letter: DeadLetter) -> Sending:
        if letter.topic not in topics_of(self.settings).events():
            raise RejectedEvent(f"it came from {letter.topic}, which is not a topic of events")
        value = await self._value(letter)
        return sending(letter, value if self.through is None else await _mended(self.through, value, id_of(letter)))

    async def _value(self, letter: DeadLetter) -> bytes:
        if letter.truncated:
            return await original_value(self.originals, letter, self.settings.epoch_of(letter.topic))
        value = whole_value(letter)
        if value is None:
            raise RejectedEvent("it has no bytes that could be sent")
        return value


async def _mended(command: str, value: bytes, name: LetterId) -> bytes:
    """Return what a command makes of the bytes; FatalError when it fails: then it is the command that needs mending."""
    child = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, complaint = await child.communicate(value)
    if child.returncode:
        raise FatalError(
            f"{command!r} ended with exit code {child.returncode} on {name}: "
            f"{complaint.decode(errors='replace').strip()}\nWhat was not sent before still waits."
        )
    if not out.strip():
        raise RejectedEvent(f"{command!r} made nothing of it")
    return out
