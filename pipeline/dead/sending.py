"""What is sent when a dead letter is replayed: the bytes as they came, and two headers that say what they are."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.dead.identity import id_of
from pipeline.dead.letters import headers_of, key_of, value_of
from pipeline.decode.batch import decode
from pipeline.decode.kinds import KIND_OF_TYPE
from pipeline.decode.ledger_header import HEADER as LEDGER
from pipeline.decode.ledger_header import parse
from pipeline.decode.replay import ATTEMPT, REPLAY_OF
from pipeline.topics import Topics
from schemas.structs import DeadLetter

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Sending:
    """One record on its way back to the topic and the partition that it came from."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers
    attempt: int


def sending(letter: DeadLetter, value: bytes) -> Sending:
    """Return the record that sends a letter's event again, with these bytes.

    Always to the partition that it came from: its neighbours there set the time that it is judged by.
    """
    attempt = letter.attempt + 1
    kept: Headers = [(name, text) for name, text in headers_of(letter) if name not in {REPLAY_OF, ATTEMPT}]
    if letter.index is not None:
        kept = [(name, _of_element(text, letter.index) if name == LEDGER else text) for name, text in kept]
    headers = [*kept, (REPLAY_OF, str(id_of(letter)).encode()), (ATTEMPT, b"%d" % attempt)]
    return Sending(letter.topic, letter.partition, key_of(letter), value, headers, attempt)


def whole_value(letter: DeadLetter) -> bytes | None:
    """Return the refused bytes if the letter has all of them; None if they were cut, or there were none."""
    return None if letter.truncated else value_of(letter)


def refused_again(topics: Topics, topic: str, value: bytes) -> str | None:
    """Return why this release would refuse these bytes on a topic of events again; None if it would take them."""
    for kind in KIND_OF_TYPE.values():
        if getattr(topics, kind.topic) == topic:
            rejections = decode(kind, [value]).rejections
            return rejections[0].detail if rejections else None
    return f"{topic} is no topic of events"


def _of_element(ledger: bytes | None, index: int) -> bytes | None:
    """Return what a producer's ledger says of an array, for one element of it that travels alone."""
    told = parse(ledger)
    return ledger if told is None else f"{told.producer_id}/{told.boot_id}/{told.sequence + index}".encode()
