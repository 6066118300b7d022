"""Figures as people read them, and the reckoning's arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.figures import NOTHING, duration, measured, percent, rate, size, sparkline
from pipeline.cli.log_count import events_in
from pipeline.cli.reckoning import Stored, Totals, reckoning
from pipeline.progress import Counted
from pipeline.up.bounded_log import KEPT, BoundedLog


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, NOTHING),
        (0, "0 ms"),
        (0.4137, "0.41 ms"),
        (38.04, "38.0 ms"),
        (999.4, "999 ms"),
        (1_240, "1.24 s"),
        (180_000, "3.0 min"),
    ],
)
def test_a_duration_has_three_digits_and_a_unit_that_fits(milliseconds: float | None, text: str) -> None:
    assert duration(milliseconds) == text


def test_rates_and_ratios_have_the_digits_that_count() -> None:
    assert [percent(ratio) for ratio in (None, 0, 0.00421, 0.0534, 1)] == [NOTHING, "0 %", "0.42 %", "5.34 %", "100 %"]
    assert [rate(one) for one in (0, 0.672, 12.34, 1234.5)] == ["0", "0.67", "12.3", "1,234"]
    assert [size(one) for one in (0, 812, 1_400_000, 12e9)] == ["0 B", "812 B", "1.4 MB", "12.0 GB"]


def test_a_rules_value_comes_with_its_unit() -> None:
    assert measured(0.054, "ratio") == "5.40 %"
    assert measured(2_110, "ms") == "2.11 s"
    assert measured(120, "s") == "2.0 min"
    assert measured(36.8, "per_minute") == "36.8 per minute"
    assert measured(3, "count") == "3"
    assert measured(14.4, "factor") == "14.4x"
    assert measured(None, "ratio") == NOTHING


def test_a_sparkline_has_a_bar_for_each_value() -> None:
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([0, 5, 10]) == "▁▅█"


@pytest.mark.parametrize(
    ("value", "events"),
    [
        (None, 1), (b"", 1), (b"{}", 1), (b"nonsense", 1), (b"[]", 0), (b' [{}, 1, "x"]', 3), (b"[{}, {}", 1),
        (b"\xff[1,2]", 1), (b"[NaN, {}]", 2), (b"[" * 100_000, 1),
    ],
)  # fmt: skip
def test_a_record_stands_for_the_elements_of_its_array_or_for_one(value: bytes | None, events: int) -> None:
    assert events_in(value) == events


def test_a_reckoning_is_about_what_came_after_the_beginning() -> None:
    before = Totals(Counted(operations=100, errors=5, late=1, dead=2), Stored(in_slots=105, rows=106))
    after = Totals(Counted(operations=190, errors=9, late=4, dead=5), Stored(in_slots=199, rows=203))
    result = reckoning(100, after, before)
    assert (result.in_panes, result.late, result.dead, result.rows) == (94, 3, 3, 97)
    assert result.holds


@pytest.mark.parametrize(
    ("published", "stored", "broken"),
    [
        (
            101,
            Stored(in_slots=94, rows=97),
            ["published = counted in panes + late + dead", "published = rows in ClickHouse + dead"],
        ),
        (100, Stored(in_slots=93, rows=97), ["counted in panes = events in ClickHouse's slots"]),
        (100, Stored(in_slots=94, rows=98), ["published = rows in ClickHouse + dead"]),
        (100, Stored(in_slots=94, rows=96, landing=1), []),
    ],
)
def test_a_reckoning_says_which_sum_differs(published: int, stored: Stored, broken: list[str]) -> None:
    result = reckoning(published, Totals(Counted(operations=90, errors=4, late=3, dead=3), stored))
    assert [name for name, difference in result.differences().items() if difference] == broken
    assert result.holds == (not broken)


def test_a_log_keeps_its_last_lines_and_never_more_than_its_bound(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "w.log", limit_bytes=1_000)
    for number in range(1_000):
        log.write(f"line {number}\n".encode())
    log.write(b"cut off in the mid")
    assert log.tail()[-3:] == ["line 998", "line 999", "cut off in the mid"]
    log.close()
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == KEPT + 1
    assert max(sizes) <= 1_000
