"""Decoded events of one batch, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.series import Series

Int64s = npt.NDArray[np.int64]

FAILED, CLIENT_ERROR, TIMEOUT, CANCELLED = 1, 2, 4, 8
"""Bits of `Columns.flags`. The middle two are kinds of FAILED; a cancelled call is never FAILED."""

WARNING, ERROR, CRITICAL = 0, 1, 2
"""Values of `Columns.flags` for error events: their severity."""


class SeriesTable(dict[tuple[str, str, str], int]):
    """Numbers for (environment, service, operation), given in order of first sight; ``table[key]`` never fails.

    The operation is empty for an error event that names none. Numbers hold until `clear`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.series: list[Series] = []

    def __missing__(self, key: tuple[str, str, str]) -> int:
        number = self[key] = len(self.series)
        self.series.append(Series(*key))
        return number

    def clear(self) -> None:
        """Forget every number."""
        super().clear()
        self.series.clear()


@dataclass(frozen=True, slots=True)
class Columns:
    """Events of one source partition in log order; all arrays have shape (n,).

    - `record`: position in the batch of the record that each came from, ascending
    - `index`: place in that record's array, 0 for a single object
    - `offset`, `append_ms`: that record's offset and the broker's time for it
    - `series`: numbers of a `SeriesTable`
    - `weight`: calls that each event stands for
    - `flags`: FAILED… bits of operations, or the severity of errors
    - `duration_us`, `status`: of operations; None for errors. Status 0: none
    - `event`: the events themselves, objects; None where there are none to take examples from
    - `past`: which were sent again from the dead letters too long after their time; None: none of them
    """

    record: Int64s
    index: Int64s
    offset: Int64s
    append_ms: Int64s
    timestamp_ms: Int64s
    series: npt.NDArray[np.int32]
    weight: Int64s
    flags: npt.NDArray[np.uint8]
    duration_us: Int64s | None
    status: npt.NDArray[np.uint16] | None
    past: npt.NDArray[np.bool_] | None = None
    event: npt.NDArray[np.object_] | None = None

    def __len__(self) -> int:
        """How many events there are."""
        return len(self.timestamp_ms)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Columns:
        """Return the chosen events, in the same order."""
        return Columns(
            record=self.record[chosen],
            index=self.index[chosen],
            offset=self.offset[chosen],
            append_ms=self.append_ms[chosen],
            timestamp_ms=self.timestamp_ms[chosen],
            series=self.series[chosen],
            weight=self.weight[chosen],
            flags=self.flags[chosen],
            duration_us=None if self.duration_us is None else self.duration_us[chosen],
            status=None if self.status is None else self.status[chosen],
            past=None if self.past is None else self.past[chosen],
            event=None if self.event is None else self.event[chosen],
        )
