"""The stats records, as they come: of every series and step the newest revision's sums, and the first one's rates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from faults.verdict.names import Names
from pipeline.core.series import Series

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COUNTS = ("events", "calls", "failures", "client_errors", "timeouts", "cancelled", "error_events")
"""The figures of a window that are sums of panes."""
RATES = ("events", "error_rate", "p95_ms", "slow_per_minute")
"""The figures of a window that rules look at."""

_STEP_BITS, _REVISION_BITS = 40, 24


class Window(msgspec.Struct, gc=False):
    """What is kept of one window."""

    events: int
    calls: int
    failures: int
    client_errors: int
    timeouts: int
    cancelled: int
    error_events: int
    error_rate: float | None = None
    p95_ms: float | None = None
    slow_per_minute: float = 0.0


class Stats(msgspec.Struct):
    """What is kept of one stats record."""

    environment: str
    service: str
    operation: str
    step_end_ms: int
    status: str
    revision: int
    windows: dict[str, Window]
    dimensions: dict[str, str] = {}


_decoder = msgspec.json.Decoder(Stats)


class StatsLog:
    """Everything that was said on `stats`. Memory: about 600 bytes a series and step."""

    def __init__(self, series: Names[Series], windows: Sequence[str]) -> None:
        self.windows = tuple(windows)
        self.steps: dict[int, set[int]] = {}  # by shard
        self.records = 0
        self.corrections = 0
        self.complaints: list[str] = []
        self._series = series
        self._row_of: dict[int, int] = {}
        self._revision = np.full(1024, -1, np.int64)
        self._counts = np.zeros((1024, len(self.windows) * len(COUNTS)), np.int64)
        self._first = np.full((1024, len(self.windows) * len(RATES)), np.nan)
        self._digests: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def take(self, shard: int, value: bytes) -> None:
        """Take in one record; `shard` is the partition that it stands in."""
        found = _decoder.decode(value)
        name = Series(found.environment, found.service, found.operation, dimensions_text(found.dimensions))
        self.records += 1
        self.corrections += found.revision > 0
        self.steps.setdefault(shard, set()).add(found.step_end_ms)
        code = self._series[name] << _STEP_BITS | found.step_end_ms // 1_000
        now = int.from_bytes(hashlib.blake2b(value, digest_size=8).digest(), "big")
        if self._digests.setdefault(code << _REVISION_BITS | found.revision, now) != now:
            self.complaints.append(f"{name.label()} step {found.step_end_ms} revision {found.revision}: two contents")
        self._keep(code, found)

    def _keep(self, code: int, found: Stats) -> None:
        row = self._row_of.setdefault(code, len(self._row_of))
        self._grow()
        windows = [found.windows.get(name) for name in self.windows]
        if found.revision > self._revision[row]:
            self._revision[row] = found.revision
            self._counts[row] = [getattr(window, name, -1) for window in windows for name in COUNTS]
        if found.revision == 0:
            rates = [getattr(window, name, None) for window in windows for name in RATES]
            self._first[row] = [np.nan if rate is None else rate for rate in rates]

    def newest(self) -> tuple[Int64s, Int64s, Int64s, Int64s]:
        """Return of every record's newest revision: series, step in ms, revision, and counts (n, windows, COUNTS)."""
        codes, rows = self._codes()
        shape = (len(rows), len(self.windows), len(COUNTS))
        steps_ms = (codes & ((1 << _STEP_BITS) - 1)) * 1_000
        return codes >> _STEP_BITS, steps_ms, self._revision[rows], self._counts[rows].reshape(shape)

    def first(self) -> tuple[Int64s, Int64s, Floats]:
        """Return of every record's first revision: series, step in ms, and rates (n, windows, RATES)."""
        codes, rows = self._codes()
        steps_ms = (codes & ((1 << _STEP_BITS) - 1)) * 1_000
        return codes >> _STEP_BITS, steps_ms, self._first[rows].reshape((len(rows), len(self.windows), len(RATES)))

    def _codes(self) -> tuple[Int64s, Int64s]:
        codes = np.fromiter(self._row_of, np.int64, len(self._row_of))
        order = np.argsort(codes)
        return codes[order], order

    def _grow(self) -> None:
        if len(self._row_of) <= len(self._revision):
            return
        self._revision = np.concatenate((self._revision, np.full_like(self._revision, -1)))
        self._counts = np.concatenate((self._counts, np.zeros_like(self._counts)))
        self._first = np.concatenate((self._first, np.full_like(self._first, np.nan)))


def dimensions_text(dimensions: dict[str, str]) -> str:
    """Return dimensions as a series has them."""
    return ",".join(f"{name}={value}" for name, value in sorted(dimensions.items()))
