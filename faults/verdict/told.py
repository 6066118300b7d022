"""What the pipeline says of the log on `panes`, in `closed_panes`, on ``events.late`` and ``events.dead``."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from faults.verdict.events import INDEX_BITS
from faults.verdict.fingerprint import bucket_prints, status_prints
from faults.verdict.log import Identity, digest
from faults.verdict.names import Names
from faults.verdict.sums import ALL_SOURCES, AT, WIDTH, Table, slot_codes, summed
from pipeline.core import records
from pipeline.core.block import ADDITIVE, Block, PackedBlock, unpack
from pipeline.core.closed_pane import decode_closed
from pipeline.core.records import Mark, Marks, Snapshot
from pipeline.core.series import Series
from pipeline.evaluator.keys import closed_key_of
from schemas import structs
from schemas.reasons import Reason

Int64s = npt.NDArray[np.int64]

COMPLAINTS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """One record's rows: code, sums and extremes side by side (n, 1 + WIDTH + 2)."""

    version: int
    final: bool
    digest: int
    rows: Int64s | None
    block: PackedBlock | None = None


@dataclass
class Told:
    """Everything said about slots and panes so far. Memory: about 150 bytes a slot."""

    pane_ms: int
    series: Names[Series]
    sources: Names[str]
    slots: dict[tuple[int, str, int, int, int], Part] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    closed: dict[bytes, tuple[str, Int64s]] = field(default_factory=dict)
    late: list[tuple[int, int, int]] = field(default_factory=list)  # source, place, start of the pane
    letters: dict[Identity, tuple[str, str, str]] = field(default_factory=dict)  # reason, bytes, whole content
    landing: int = 0
    letters_repeated: int = 0
    complaints: dict[str, list[str]] = field(default_factory=dict)

    def complain(self, check: str, text: str) -> None:
        """Note what must not be, for one of the checks."""
        found = self.complaints.setdefault(check, [])
        if len(found) < COMPLAINTS_KEPT:
            found.append(text)

    def on_panes(self, value: bytes) -> None:
        """Take in a record of `panes`."""
        found = records.decode(value)
        if isinstance(found, Marks):
            for mark in found.marks:
                self._on_mark(mark)
        else:
            self._on_snapshot(found)

    def _on_mark(self, mark: Mark) -> None:
        known = self.marks.get(mark.source)
        if known is None or (mark.epoch, mark.position) >= (known.epoch, known.position):
            self.marks[mark.source] = mark

    def _on_snapshot(self, found: Snapshot) -> None:
        key = (found.epoch, found.source, found.pane_start_ms, found.shard, found.part)
        known = self.slots.get(key)
        block = _digest(found.block)
        if known is not None:
            if known.version > found.version:
                return  # an older one again, as after a restart
            if known.version == found.version and known.digest != block:
                self.complain("panes", f"{_slot(key)} version {found.version}: two contents")
            if known.final and known.version < found.version:
                self.complain("panes", f"{_slot(key)}: version {found.version} after the final {known.version}")
        final = found.final or (known is not None and known.final and known.version == found.version)
        rows = self._rows(self.sources[found.source], found.pane_start_ms, unpack(found.block)) if final else None
        self.slots[key] = Part(found.version, final, block, rows, None if final else found.block)

    def _rows(self, source: int, start_ms: int, block: Block) -> Int64s:
        series = np.fromiter((self.series[name] for name in block.series), np.int64, block.rows)
        codes = slot_codes(source, np.full(block.rows, start_ms // self.pane_ms), series)
        return np.column_stack((codes, linear_of(block), block.extremes))

    def found_slots(self) -> Table:
        """Return the newest snapshot of every slot."""
        rows = [
            self._rows(self.sources[source], start_ms, unpack(part.block)) if part.block is not None else part.rows
            for (_, source, start_ms, _, _), part in self.slots.items()
        ]
        return _table([found for found in rows if found is not None])

    def on_closed(self, key: bytes, value: bytes | None) -> None:
        """Take in a record of the changelog of `closed_panes`; None deletes what has left all windows."""
        if value is None:
            return
        known, now = self.closed.get(key), digest(value)
        if known is not None:
            if known[0] != now:
                self.complain("closed_panes", f"{key.decode()}: two contents")
            return
        rows = self._rows(ALL_SOURCES, closed_key_of(key).pane_start_ms, decode_closed(value).block)
        self.closed[key] = (now, rows)

    def found_closed(self) -> Table:
        """Return all closed panes."""
        return _table([rows for _, rows in self.closed.values()])

    def on_late(self, value: bytes) -> None:
        """Take in a notice of late events."""
        found = records.decode_late(value)
        source = self.sources[found.source]
        for offset, index, start_ms in zip(found.offsets, found.indexes, found.pane_starts_ms, strict=True):
            self.late.append((source, offset << INDEX_BITS | index, start_ms))

    def on_dead(self, value: bytes) -> None:
        """Take in a dead letter."""
        letter = structs.decode(value)
        if not isinstance(letter, structs.DeadLetter):
            return
        if letter.reason == Reason.LANDING:
            self.landing += 1
            return
        identity = (letter.topic, letter.partition, letter.offset, letter.index)
        bytes_digest = digest(b64decode(letter.value_base64)) if letter.value_base64 is not None else ""
        told = (letter.reason, bytes_digest, digest(value))
        known = self.letters.setdefault(identity, told)
        self.letters_repeated += known is not told
        if known != told:
            self.complain("dead", f"{identity}: two contents")


def _digest(block: PackedBlock) -> int:
    return hash((tuple(block.series), *(getattr(block, name) for name in block.__struct_fields__[1:])))


def linear_of(block: Block) -> Int64s:
    """Return a block's rows as columns of `sums.LINEAR`."""
    linear = np.zeros((block.rows, WIDTH), np.int64)
    for place, name in enumerate(ADDITIVE):
        linear[:, AT[name]] = block.scalars[:, place]
    np.add.at(linear[:, AT["buckets"]], block.hist_rows(), bucket_prints(block.hist_index) * block.hist_count)
    np.add.at(linear[:, AT["statuses"]], block.status_rows(), status_prints(block.status_code) * block.status_count)
    return linear


def _table(rows: list[Int64s]) -> Table:
    every = np.concatenate(rows) if rows else np.zeros((0, 1 + WIDTH + 2), np.int64)
    return summed(every[:, 0], every[:, 1 : 1 + WIDTH], every[:, 1 + WIDTH :])


def _slot(key: tuple[Any, ...]) -> str:
    epoch, source, start_ms, shard, part = key
    return f"{source} pane {start_ms} shard {shard} part {part} epoch {epoch}"
