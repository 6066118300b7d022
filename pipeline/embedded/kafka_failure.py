"""Why the node failed to start, in words that say what to do."""

from __future__ import annotations

from pathlib import Path

from pipeline.embedded.kafka_config import NodePaths
from pipeline.errors import FatalError

_LAST_LINES = 12
_LAST_BYTES = 64 * 1024
_PORT_TAKEN = ("Address already in use", "BindException")
_WAYS_OUT = (
    ("No space left on device", "The disk is full: make room, or choose another folder with PIPELINE_HOME=FOLDER."),
    ("Could not reserve enough space", "There is too little memory: ask for less with PIPELINE_KAFKA_HEAP_MB=256."),
    ("Cannot allocate memory", "There is too little memory: ask for less with PIPELINE_KAFKA_HEAP_MB=256."),
    ("OutOfMemoryError", "Its heap is too small: give it more with PIPELINE_KAFKA_HEAP_MB=768."),
    ("Too many open files", "The limit of open files is too low: raise it with `ulimit -n 65536`."),
    ("Permission denied", "It may not use its folder: correct the permissions, or set PIPELINE_HOME=FOLDER."),
)


def is_port_taken(paths: NodePaths, log_begin: int) -> bool:
    """Tell whether the node found one of its ports taken."""
    said = _said(paths, log_begin)
    return any(sign in said for sign in _PORT_TAKEN)


def explain(what: str, paths: NodePaths, log_begin: int) -> FatalError:
    """Return the error that tells `what` happened, the way out if it is known, and the last lines of this start.

    `log_begin` is the length in bytes of Kafka's log before this start.
    """
    said = _said(paths, log_begin)
    way_out = next((way for sign, way in _WAYS_OUT if sign in said), f"More stands in {paths.log}.")
    # Without the stack: the line that tells would be pushed out by it.
    told = [line for line in said.splitlines() if not line.startswith("\t")]
    last = "\n".join(f"  {line}" for line in told[-_LAST_LINES:]) or "  (nothing)"
    return FatalError(f"The embedded Kafka {what}. {way_out} Its last lines:\n{last}")


def _said(paths: NodePaths, log_begin: int) -> str:
    return _tail(paths.log, log_begin) + _tail(paths.output, 0)


def _tail(file: Path, begin: int) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as source:
        size = source.seek(0, 2)
        # Shorter than before: the log was rolled, and all of it is new.
        source.seek(max(begin if begin <= size else 0, size - _LAST_BYTES))
        return source.read().decode(errors="replace")
