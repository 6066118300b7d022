"""Which windows are kept, by the settings."""

from __future__ import annotations

from pipeline.core.window_config import KeptWindows
from pipeline.settings import Settings


def kept_windows(settings: Settings) -> KeptWindows:
    """Return the names of all windows, short ones first."""
    return KeptWindows(settings.windows, settings.long_windows)
