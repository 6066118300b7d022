"""Which of each producer's numbered events are in the log, how often, and when."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from faults.verdict.names import Names

Int64s = npt.NDArray[np.int64]
Boot = tuple[str, str]
"""(producer, boot)"""

CHUNK_BITS = 8
"""The minute is kept for each 256 events of a boot."""
_UNKNOWN_MINUTE = np.iinfo(np.int32).max


class BootLog:
    """The events of one producer's boot. Costs one byte an event."""

    def __init__(self) -> None:
        self.seen = np.zeros(1 << 16, np.uint8)
        self.minutes = np.full(1 << (16 - CHUNK_BITS), _UNKNOWN_MINUTE, np.int32)
        self.dead: list[Int64s] = []

    def add(self, sequences: Int64s, append_ms: Int64s) -> None:
        """Note events that are in the log."""
        if not len(sequences):
            return
        self._reach(int(sequences.max()))
        np.add.at(self.seen, sequences, 1)
        np.minimum.at(self.minutes, sequences >> CHUNK_BITS, (append_ms // 60_000).astype(np.int32))

    def times(self, sequences: Int64s) -> npt.NDArray[np.uint8]:
        """Return how often each of some events is in the log."""
        if len(sequences):
            self._reach(int(sequences.max()))
        return self.seen[sequences]

    def minutes_of(self, sequences: Int64s) -> Int64s:
        """Return the minute in which each event was taken in, or the ones before it were."""
        if not len(sequences):
            return sequences
        self._reach(int(sequences.max()))
        known = self.minutes != _UNKNOWN_MINUTE
        if not known.any():
            return np.zeros(len(sequences), np.int64)
        places = np.where(known, np.arange(len(known)), -1)
        last = np.maximum.accumulate(places)
        last[last < 0] = int(np.argmax(known))
        return np.asarray(self.minutes[last[sequences >> CHUNK_BITS]], np.int64)

    def _reach(self, sequence: int) -> None:
        while sequence >= len(self.seen):
            self.seen = np.concatenate((self.seen, np.zeros_like(self.seen)))
            self.minutes = np.concatenate((self.minutes, np.full_like(self.minutes, _UNKNOWN_MINUTE)))


class Ledgers:
    """All boots, by number. `without` counts events whose record has no readable header."""

    def __init__(self) -> None:
        self.boots: Names[Boot] = Names()
        self.logs: defaultdict[int, BootLog] = defaultdict(BootLog)
        self.without = 0

    def add(self, boot: Int64s, sequence: Int64s, append_ms: Int64s) -> None:
        """Note events; boot -1 is none."""
        for number in np.unique(boot).tolist():
            chosen = boot == number
            if number < 0:
                self.without += int(chosen.sum())
            else:
                self.logs[number].add(sequence[chosen], append_ms[chosen])

    def refused(self, boot: Boot, sequences: range, append_ms: int) -> None:
        """Note events of a record, or the element of one, that can't be used."""
        log = self.logs[self.boots[boot]]
        numbers = np.asarray(sequences, np.int64)
        log.add(numbers, np.full(len(numbers), append_ms))
        log.dead.append(numbers)

    def log_of(self, boot: Boot) -> BootLog:
        """Return the log of a boot, an empty one where nothing of it was seen."""
        return self.logs[self.boots[boot]] if boot in self.boots else BootLog()
