"""Reading what came on `panes` and `signals`: what nobody of the pipeline wrote is passed over, and says so."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from faust.types import TP

from pipeline.core.records import Snapshot
from pipeline.errors import FatalError

log = logging.getLogger(__name__)

Found = TypeVar("Found")

_OURS = re.compile(r"(s|m|signal)\d+")
_KNOWN = ("s1", "m1", "signal1")


def read(decode: Callable[[bytes], Found], tp: TP, record: Any) -> Found | None:
    """Return what a record holds; None for a foreign one, or one of another shard. FatalError for a later release's."""
    try:
        found = decode(record.value or b"")
    except msgspec.DecodeError as error:
        place, tag = f"{tp.topic}-{tp.partition}, offset {record.offset}", _tag(record.value or b"")
        if isinstance(tag, str) and _OURS.fullmatch(tag) and tag not in _KNOWN:
            raise FatalError(
                f"{place}: a record {tag!r} that this release can't read ({error}). A later release wrote it: run that "
                "release of the evaluator"
            ) from error
        log.warning("%s: passed over, for it is nothing that an aggregator writes (%s)", place, error)
        return None
    if isinstance(found, Snapshot) and found.shard != tp.partition:
        place = f"{tp.topic}-{tp.partition}, offset {record.offset}"
        log.warning("%s: passed over, for it is a snapshot of shard %d", place, found.shard)
        return None
    return found


def _tag(value: bytes) -> Any:
    """Return the tag that a record carries, if it is built like one of ours."""
    for decode in (msgspec.msgpack.decode, msgspec.json.decode):
        try:
            found = decode(value)
        except msgspec.DecodeError:
            continue
        if isinstance(found, list) and found:
            return found[0]
        if isinstance(found, dict):
            return found.get("type")
    return None
