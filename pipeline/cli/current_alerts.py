"""The alerts as they stand: read from the compacted topic to its end."""

from __future__ import annotations

import msgspec

from pipeline.cli.topic_reader import read_all
from pipeline.core.alert_state import decode_state
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas.structs import Alert


async def current_alerts(settings: Settings) -> list[Alert]:
    """Return the last transition of every rule and series that has a state, in no particular order."""
    topic = topics_of(settings).alerts_state
    states: dict[bytes, Alert] = {}
    async for read in read_all(settings, topic):
        key = read.key or b""
        if read.value is None:
            states.pop(key, None)
            continue
        try:
            states[key] = decode_state(read.value).last_transition
        except msgspec.DecodeError as error:
            raise FatalError(f"{topic}-{read.partition} at offset {read.offset} cannot be read: {error}") from None
    return list(states.values())
