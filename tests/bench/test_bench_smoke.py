"""Every measurement runs, gives its figures, and counts what was written. How fast is for `make bench` to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bench import landing, latency, long_windows, recovery, rules, throughput
from bench.figures import Figure
from bench.report import BEGIN, END, PAGE, markdown, read, replaced, report
from bench.stage import Stage
from pipeline.settings import Settings

RECORDS = 4_000
SERIES = 50


@pytest.fixture
def on(stack_settings: Settings) -> Stage:
    return Stage(stack_settings, Console(quiet=True))


def by_key(figures: list[Figure]) -> dict[str, float]:
    assert all(figure.value >= 0 for figure in figures)
    found = {figure.key: figure.value for figure in figures}
    assert len(found) == len(figures)
    return found


@pytest.mark.stack
@pytest.mark.slow
async def test_every_contender_counts_the_topic(on: Stage) -> None:
    found = by_key(await throughput.measure(on, records=RECORDS, series=SERIES))
    assert found["topic.records"] == RECORDS
    assert 220 <= found["topic.bytes"] <= 240
    for who in ("bare", "stock", "aggregator", "both"):
        assert 0 < found[f"{who}.events"] <= RECORDS
        assert found[f"{who}.events_per_second"] > 0
        assert found[f"{who}.events_per_cpu_second"] > 0
    assert found["ratio.stock"] > 0
    assert {"both.peak_mb.aggregator", "both.peak_mb.evaluator"} <= found.keys()


@pytest.mark.stack
@pytest.mark.slow
async def test_workers_recover_and_nothing_is_missing(on: Stage) -> None:
    found = by_key(
        await recovery.measure(on, records=RECORDS, series=SERIES, per_second=500, history_seconds=200, live_seconds=1)
    )
    assert found["recovery.closed_panes"] > 0
    assert {"recovery.aggregator", "recovery.evaluator", "memory.aggregator", "memory.evaluator"} <= found.keys()


@pytest.mark.stack
@pytest.mark.slow
async def test_every_trial_gives_its_alert(on: Stage) -> None:
    found = by_key(await latency.measure(on, series=SERIES, trials=5, per_second=500))
    for rule in ("critical-error", "error-rate"):
        assert found[f"latency.{rule}.trials"] == 5
        assert 0 < found[f"latency.{rule}.p50"] <= found[f"latency.{rule}.p95"] <= found[f"latency.{rule}.p99"]


@pytest.mark.stack
@pytest.mark.slow
async def test_a_backlog_lands_and_nothing_is_missing(on: Stage) -> None:
    found = by_key(await landing.measure(on, records=60_000, series=SERIES))
    assert 0 < found["landing.events"] <= 60_000
    assert found["landing.events_per_second"] > 0
    assert found["landing.clickhouse_cpu"] > 0


async def test_rules_are_looked_at_in_calm_and_in_a_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "PANES", 10)
    nowhere = Stage(Settings(), Console(quiet=True))
    found = by_key(await rules.measure(nowhere, rules=40, series=SERIES))
    assert found["rules.calm.series"] == SERIES + 21
    assert found["rules.storm.active"] > found["rules.calm.active"]


async def test_three_days_of_long_windows_are_made_and_made_again() -> None:
    found = by_key(await long_windows.measure(Stage(Settings(), Console(quiet=True)), series=SERIES))
    assert found["long.series"] == SERIES + 21
    assert found["long.restore_s"] > 0 < found["long.table_mb"]


def test_a_report_becomes_a_table_between_the_markers(tmp_path: Path) -> None:
    figures = [Figure("a", "speed", 1_234.5, "events/s", 1_000), Figure("b", "memory", 600.0, "MB", None, 500)]
    file = tmp_path / "run.json"
    file.write_bytes(report(figures, "python -m bench", {"cores": "2"}))
    text = markdown(read(file))
    assert "| speed | 1,234 events/s | ≥ 1,000 events/s | yes |" in text
    assert "| memory | 600 MB | ≤ 500 MB | no |" in text
    page = replaced(f"before\n{BEGIN}\nold\n{END}\nafter\n", text)
    assert page == f"before\n{BEGIN}\n\n{text}\n\n{END}\nafter\n"
    assert replaced(page, text) == page


def test_the_page_has_the_markers() -> None:
    assert replaced(PAGE.read_text(encoding="utf-8"), "")
