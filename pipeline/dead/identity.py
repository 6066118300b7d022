"""What a dead letter is called: the place of what was refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.errors import FatalError
from schemas.structs import DeadLetter, DeadOutcome

_TEXT = re.compile(r"(?P<topic>[^/@]+)/(?P<partition>\d+)/(?P<offset>\d+)(?:/(?P<index>\d+))?(?:@(?P<epoch>\d+))?")


@dataclass(frozen=True, slots=True)
class LetterId:
    """Identity of a dead letter. `index` is None when the whole record was refused.

    As text ``topic/partition/offset``, with ``/index`` for an element of an array and ``@epoch`` after the first epoch.
    """

    epoch: int
    topic: str
    partition: int
    offset: int
    index: int | None

    def __str__(self) -> str:
        """``events.operations/3/1207/4@2``."""
        element = "" if self.index is None else f"/{self.index}"
        return f"{self.topic}/{self.partition}/{self.offset}{element}" + (f"@{self.epoch}" if self.epoch > 1 else "")


def id_of(record: DeadLetter | DeadOutcome) -> LetterId:
    """Return the identity of a dead letter, or of the one that an outcome is about."""
    return LetterId(record.epoch, record.topic, record.partition, record.offset, record.index)


def parse_id(text: str) -> LetterId:
    """Return the identity that a text means; FatalError that says how one is written."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise FatalError(
            f"{text!r} names no dead letter. One is called TOPIC/PARTITION/OFFSET, with /INDEX for an element of an "
            "array and @EPOCH after the first epoch: events.operations/3/1207/4. `pipeline dead list` shows them."
        )
    index = None if found["index"] is None else int(found["index"])
    return LetterId(int(found["epoch"] or 1), found["topic"], int(found["partition"]), int(found["offset"]), index)
