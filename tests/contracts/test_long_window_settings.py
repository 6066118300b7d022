"""Which long windows are kept, by the settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.kept_windows import kept_windows
from pipeline.settings import Settings


def test_a_window_that_is_named_among_the_short_ones_is_no_long_one() -> None:
    settings = Settings(windows=("5m", "30m"))
    assert "30m" not in settings.long_windows
    assert kept_windows(settings) == ("5m", "30m", "2h", "6h", "24h", "3d")


def test_no_long_windows_are_kept_where_none_are_named() -> None:
    assert kept_windows(Settings(long_windows=(), pane_seconds=7)) == Settings().windows


def test_long_panes_are_whole_numbers_of_panes_and_long_windows_of_long_panes() -> None:
    with pytest.raises(ValidationError, match=r"300 s is not a whole number of panes of 7 s .*long_windows: \[\]"):
        Settings(pane_seconds=7)
    with pytest.raises(ValidationError, match="90s is not a whole number of long panes of 60 s"):
        Settings(long_pane_seconds=60, long_windows=("90s",))
