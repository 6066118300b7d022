"""Stats against the log: every window is the sum of its panes, at every step of every series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from faults.verdict.account import Account
from faults.verdict.clock import clock
from faults.verdict.expected import Expected
from faults.verdict.stats_log import COUNTS
from faults.verdict.sums import AT, parts_of
from faults.verdict.verdict import Check, check
from pipeline.core.series import shard_of
from pipeline.settings import window_ms

Int64s = npt.NDArray[np.int64]

Kept = dict[tuple[int, int], tuple[int, ...]]
"""By series and step: revision and COUNTS of one window."""
_COLUMNS = [AT[name] for name in COUNTS]


@dataclass(frozen=True, slots=True)
class PaneSums:
    """Cumulated sums of panes: `cumulated[series, n]` is what lies before pane ``first + n``, by COUNTS."""

    first: int
    cumulated: Int64s
    held: Int64s  # the same of panes that hold anything at all, (series, panes + 1)

    def between(self, series: Int64s, begin: Int64s, end: Int64s) -> Int64s:
        """Return the sums of the panes ``[begin, end)``, shape (n, COUNTS)."""
        return np.asarray(self.cumulated[series, self._at(end)] - self.cumulated[series, self._at(begin)])

    def any_between(self, series: Int64s, begin: Int64s, end: Int64s) -> npt.NDArray[np.bool_]:
        """Return whether any of the panes ``[begin, end)`` holds anything."""
        return np.asarray(self.held[series, self._at(end)] > self.held[series, self._at(begin)])

    def _at(self, pane: Int64s) -> Int64s:
        return np.clip(pane - self.first, 0, self.cumulated.shape[1] - 1)


def pane_sums(account: Account, expected: Expected) -> PaneSums:
    """Return the log's panes, added up over sources, ready for windows."""
    _, pane, series = parts_of(expected.panes.codes)
    first, beyond = (int(pane.min()), int(pane.max()) + 1) if len(pane) else (0, 0)
    dense = np.zeros((len(account.series.listed), beyond - first + 1, len(COUNTS)), np.int64)
    dense[series, pane - first + 1] = expected.panes.linear[:, _COLUMNS]
    held = np.zeros(dense.shape[:2], np.int64)
    held[series, pane - first + 1] = 1
    return PaneSums(first, dense.cumsum(axis=1), held.cumsum(axis=1))


def check_stats(account: Account, expected: Expected) -> Check:
    """The newest revision of every series and step has in each window the sum of its panes; no step is missing."""
    sums = pane_sums(account, expected)
    wrong = [*account.stats.complaints, *_wrong_windows(account, sums), *_missing(account, sums)]
    log = account.stats
    figures = {"records": log.records, "series and steps": len(log), "corrections": log.corrections}
    return check("stats", "every window at every step is the sum of the log's panes", wrong, figures)


def _wrong_windows(account: Account, sums: PaneSums) -> Iterator[str]:
    series, steps_ms, revision, counts = account.stats.newest()
    pane_ms = account.told.pane_ms
    for place, window in enumerate(account.stats.windows):
        end = steps_ms // pane_ms
        wanted = sums.between(series, end - window_ms(window) // pane_ms, end)
        for row, column in np.argwhere(wanted != counts[:, place]):
            name = account.series.listed[series[row]].label()
            yield (
                f"{name} {window} until {clock(int(steps_ms[row]))}, revision {revision[row]}: {COUNTS[column]} "
                f"expected {wanted[row, column]}, found {counts[row, place, column]}"
            )


def _missing(account: Account, sums: PaneSums) -> Iterator[str]:
    """Yield series without a record at a step at which one of their windows holds something.

    Due are the steps from the first that their shard has told of to its last. At a step at which nothing is in any
    window of a shard there is nothing to tell.
    """
    pane_ms, shards = account.told.pane_ms, account.settings.partitions
    longest = max(window_ms(window) for window in account.stats.windows) // pane_ms
    of, at_ms, *_ = account.stats.newest()
    have = set(zip(of.tolist(), at_ms.tolist(), strict=True))
    steps = {
        shard: np.arange(min(found), max(found) + 1, pane_ms, dtype=np.int64)
        for shard, found in account.stats.steps.items()
    }
    for number, name in enumerate(account.series.listed):
        due_ms = steps.get(shard_of(name, shards), np.zeros(0, np.int64))
        end = due_ms // pane_ms
        due = sums.any_between(np.full(len(end), number), end - longest, end)
        missing = [step_ms for step_ms in due_ms[due].tolist() if (number, step_ms) not in have]
        if missing:
            yield f"{name.label()}: no record at {len(missing)} steps, the first {clock(missing[0])}"


def check_history_stats(account: Account, windows: Callable[[str], Kept]) -> Check:
    """ClickHouse has of every series, step and window the newest revision as it stands on the topic.

    Steps go on while there are windows to tell of: later ones of a shard than those of the account are passed over.
    """
    series, steps_ms, revisions, counts = account.stats.newest()
    keys = list(zip(series.tolist(), steps_ms.tolist(), strict=True))
    wrong: list[str] = []
    rows: dict[str, int] = {}
    for place, window in enumerate(account.stats.windows):
        found = windows(window)  # one after the other: together they may be hundreds of megabytes
        rows[window] = len(found)
        told = {
            key: (revision, *row)
            for key, revision, row in zip(keys, revisions.tolist(), counts[:, place].tolist(), strict=True)
        }
        for key in sorted({*told, *found}):
            if told.get(key) != found.get(key) and not _is_later(account, key):
                name, at = account.series.listed[key[0]].label(), clock(key[1])
                wrong.append(f"{name} {window} until {at}: topic {told.get(key)}, ClickHouse {found.get(key)}")
    return check("window_stats", "ClickHouse has the newest revision of every window", wrong, rows)


def _is_later(account: Account, key: tuple[int, int]) -> bool:
    number, step_ms = key
    shard = shard_of(account.series.listed[number], account.settings.partitions)
    return step_ms > max(account.stats.steps.get(shard, ()), default=0)
