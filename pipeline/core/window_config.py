"""What the window engine of one shard must know, and what of it a commit carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import msgspec

_HOUR_MS = 3_600_000


class KeptWindows(tuple[str, ...]):  # noqa: SLOT001 - a tuple can have no slots of its own
    """The names of all windows that are kept. The `long` ones move by coarse panes, and are looked at by themselves."""

    long: tuple[str, ...]

    def __new__(cls, short: Iterable[str], long: Iterable[str] = ()) -> Self:
        """Put both together, short ones first."""
        far = tuple(long)
        made = super().__new__(cls, (*short, *far))
        made.long = far
        return made

    def beside(self, name: str) -> tuple[str, ...]:
        """Return the windows that a rule over one of them can look at too."""
        return self.long if name in self.long else tuple(one for one in self if one not in self.long)


def beside(windows: Sequence[str], name: str) -> Sequence[str]:
    """Return the windows that a rule over `name` can look at; all of them, unless they say otherwise."""
    return windows.beside(name) if isinstance(windows, KeptWindows) else windows


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """Settings of one engine.

    - `windows`: length in ms by name; each a whole number of panes, else ValueError
    - `series_limit`: operation series with a row of their own at once; more are counted in overflow series
    - `close_grace_ms`: processing time for which panes must look final before they are closed
    - `idle_lag_release_ms`: an idle source further behind than this no longer holds the others back
    - `early_lag_ms`: no early views while the watermark is further behind than this: they would show half the sources
    - `seen_ms`: how long a series that has left all windows is remembered
    """

    shard: int
    pane_ms: int
    windows: Mapping[str, int]
    series_limit: int
    out_of_orderness_ms: int = 2_000
    close_grace_ms: int = 2_000
    idle_lag_release_ms: int = 300_000
    early_lag_ms: int = 60_000
    seen_ms: int = 24 * _HOUR_MS

    def __post_init__(self) -> None:
        """Refuse windows that are not whole panes."""
        if not self.windows:
            raise ValueError("windows: none given; give at least one, for example 5m")
        for name, size_ms in self.windows.items():
            if size_ms <= 0 or size_ms % self.pane_ms:
                raise ValueError(f"windows: {name} is {size_ms} ms, not a whole number of panes of {self.pane_ms} ms")

    @property
    def longest_ms(self) -> int:
        """Length of the longest window."""
        return max(self.windows.values())


def series_limit(series_max: int, shards: int) -> int:
    """Return how many operation series one shard may hold: four times its even share of a source's `series_max`."""
    return 4 * -(-series_max // shards)


class WindowState(msgspec.Struct, array_like=True, tag="w1", gc=False, frozen=True):
    """Metadata of a commit on `panes`: below 120 bytes.

    - `frontier_ms`: panes that end at or before it are closed for good
    - `emitted_ms`: steps up to it were emitted on time
    - `watermark_ms`: the shard's watermark
    - `settled_offset`: what snapshots below it changed has been emitted
    - `late_rounds`: how often late changes were emitted; the last revision given
    """

    frontier_ms: int | None
    emitted_ms: int | None
    watermark_ms: int | None
    settled_offset: int
    late_rounds: int


def encode_state(state: WindowState) -> str:
    """Return the metadata string for a commit."""
    return msgspec.json.encode(state).decode()


def decode_state(metadata: str) -> WindowState:
    """Return the state in a metadata string; raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(metadata, type=WindowState)
