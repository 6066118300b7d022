"""Which windows are kept, and what their engines must know, by the settings."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.window_config import KeptWindows, WindowConfig, series_limit
from pipeline.settings import Settings, window_ms


def kept_windows(settings: Settings) -> KeptWindows:
    """Return the names of all windows, short ones first."""
    return KeptWindows(settings.windows, settings.long_windows)


def window_config(
    settings: Settings,
    *,
    windows: Iterable[str] | None = None,
    pane_ms: int | None = None,
    shard: int = 0,
    shards: int = 1,
) -> WindowConfig:
    """Return what the engine of the short windows must know, of one of so many shards.

    `windows` and `pane_ms` are those of the settings where none are given. ValueError where they don't fit.
    """
    return WindowConfig(
        shard=shard,
        pane_ms=settings.pane_seconds * 1000 if pane_ms is None else pane_ms,
        windows={name: window_ms(name) for name in (settings.windows if windows is None else windows)},
        series_limit=series_limit(settings.series_max, shards),
        out_of_orderness_ms=settings.out_of_orderness_ms,
    )


def long_window_config(
    settings: Settings, *, windows: Iterable[str] | None = None, shard: int = 0, shards: int = 1
) -> WindowConfig | None:
    """Return the same of the long windows; None where none are kept."""
    lengths = {name: window_ms(name) for name in (settings.long_windows if windows is None else windows)}
    if not lengths:
        return None
    return WindowConfig(
        shard=shard,
        pane_ms=settings.long_pane_seconds * 1000,
        windows=lengths,
        series_limit=series_limit(settings.series_max, shards),
        close_grace_ms=0,
    )
