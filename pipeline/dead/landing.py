"""Events that were counted, but whose rows ClickHouse would not take: their rows are written again, nothing is sent.

Sent again such an event would be counted twice. Written again by the lander's own code its row is the same row, with
the same identity; whatever else is in the record lands with it, which changes nothing.
"""

from __future__ import annotations

from functools import partial

from aiokafka import AIOKafkaConsumer

from pipeline.clickhouse_client import connect, parse_address
from pipeline.dead.original import original
from pipeline.errors import RejectedEvent
from pipeline.lander.contents import read_contents
from pipeline.lander.inserter import Inserter
from pipeline.lander.preparing import with_own_database
from pipeline.settings import Settings
from schemas.structs import DeadLetter


class Landing:
    """Lands records that `originals` finds where their letters say. Waits as long as ClickHouse is away."""

    def __init__(self, settings: Settings, originals: AIOKafkaConsumer) -> None:
        assert settings.clickhouse, "settings.clickhouse must be resolved"
        self._settings = with_own_database(settings)
        self._originals = originals
        address = str(parse_address(settings.clickhouse))
        self._inserter = Inserter(partial(connect, self._settings), self._settings.database, address, 1_000)

    async def land(self, letter: DeadLetter) -> None:
        """Write the rows of a letter's record; RejectedEvent that says why when that can't be, or is refused again."""
        record = await original(self._originals, letter, self._settings.epoch_of(letter.topic))
        contents = read_contents([record], self._settings)
        if contents.unusable:
            raise RejectedEvent(contents.unusable[0].detail)
        for rows in contents.rows:
            for refusal in await self._inserter.land(rows):
                if letter.index in (None, rows.origin_of(refusal.row).index):
                    raise RejectedEvent(refusal.detail)

    def close(self) -> None:
        """Let go of the threads."""
        self._inserter.close()
