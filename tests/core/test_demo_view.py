"""The demo's screen: what it keeps of the topics, and what fits on it."""

from __future__ import annotations

from io import StringIO

import msgspec
import pytest
from rich.console import Console

from pipeline.cli.topic_reader import Read
from pipeline.demo.picture import HISTORY_STEPS, Picture
from pipeline.demo.view import Counts, Header, Scene, fitting, screen
from pipeline.topics import Topics
from pipeline.up.notices import Notices
from schemas.structs import Alert, ErrorsBySeverity, StatsRecord, WindowStats, encode

TOPICS = Topics()
STEP_MS = 10_000


def window(calls: int = 60, failures: int = 0, p95_ms: float = 20.0) -> WindowStats:
    return WindowStats(
        start_ms=0, end_ms=60_000, events=calls, calls=calls, failures=failures, client_errors=0, timeouts=0,
        cancelled=0, rate_per_second=calls / 60, rate_per_minute=calls, error_rate=failures / calls, p50_ms=10.0,
        p95_ms=p95_ms, p99_ms=30.0, slow_calls=0, slow_per_minute=0, error_events=0, errors_per_second=0,
        errors_by_severity=ErrorsBySeverity(),
    )  # fmt: skip


def stats(operation: str, step: int = 1, service: str = "shop", **figures: float) -> StatsRecord:
    return StatsRecord(
        environment="demo", service=service, operation=operation, step_end_ms=step * STEP_MS, status="on_time",
        windows={"1m": window(**figures)},  # type: ignore[arg-type]  # figures have the names of window's arguments
    )  # fmt: skip


def alert(state: str, sequence: int, previous: str = "inactive") -> Alert:
    return Alert(
        alert_id="a", episode=1, sequence=sequence, rule="error-rate", rule_type="error_rate",
        state=state, previous_state=previous,  # type: ignore[arg-type]  # both are phases
        severity="critical", environment="demo", service="shop", operation="pay", series="demo/shop/pay", value=0.4,
        threshold=0.05, comparison=">", unit="ratio", window="1m", window_start_ms=0, window_end_ms=60_000, samples=90,
        step_end_ms=60_000, decided="early", started_ms=50_000, notify=True, notify_reason="NOTIFY_FIRST", summary="s",
    )  # fmt: skip


def read(topic: str, value: bytes | None) -> Read:
    return Read(topic, 0, 0, 0, None, value)


def told(picture: Picture, *records: StatsRecord | Alert) -> None:
    for record in records:
        picture.add(read(TOPICS.stats if isinstance(record, StatsRecord) else TOPICS.alerts, encode(record)))


@pytest.fixture
def picture() -> Picture:
    return Picture(TOPICS, "1m")


def only(picture: Picture) -> StatsRecord:
    (record,) = picture.stats.values()
    return record


def test_the_newest_record_of_a_series_is_shown(picture: Picture) -> None:
    told(picture, stats("pay", 1), stats("pay", 2, calls=90), stats("pay", 1))
    assert only(picture).windows["1m"].calls == 90


def test_a_bundle_in_the_making_is_shown_over_the_step_before_it(picture: Picture) -> None:
    told(picture, stats("pay", 1))
    bundle = {"type": "live", "shard": 0, "as_of_ms": 1, "records": [stats("pay", 2, calls=7)]}
    picture.add(read(TOPICS.live, msgspec.json.encode(bundle)))
    assert only(picture).windows["1m"].calls == 7
    told(picture, stats("pay", 1, calls=61))
    assert only(picture).windows["1m"].calls == 7


def test_history_has_each_finished_step_once_and_only_the_last_ones(picture: Picture) -> None:
    told(picture, *(stats("pay", step, calls=60 * step) for step in (1, 1, 2, 2, 3)))
    (history,) = picture.history.values()
    assert list(history) == [1, 2, 3]
    told(picture, *(stats("pay", step) for step in range(4, 100)))
    assert len(history) == HISTORY_STEPS


def test_a_transition_that_comes_twice_is_one(picture: Picture) -> None:
    told(picture, alert("firing", 1), alert("firing", 1), alert("firing", 2, "firing"), alert("resolved", 3, "firing"))
    assert (picture.fired, picture.resolved) == (1, 1)
    assert len(picture.alerts) == 3


def test_a_tombstone_changes_nothing(picture: Picture) -> None:
    assert picture.add(read(TOPICS.stats, None)) == []
    assert not picture.stats


def test_where_not_all_fits_rollups_stay_and_of_operations_those_in_trouble() -> None:
    calm = [stats(f"calm{number}", calls=100 + number) for number in range(20)]
    failing, slow = stats("failing", calls=70, failures=30), stats("slow", p95_ms=3_000.0)
    shown, hidden = fitting([*calm, failing, slow, stats("")], "1m", room=7)
    assert [record.operation for record in shown] == ["", "failing", "slow", "calm19", "calm18", "calm17"]
    assert hidden == 17


@pytest.mark.parametrize(("width", "height"), [(120, 50), (80, 24), (200, 60)])
def test_the_screen_fits_the_terminal_and_names_what_matters(picture: Picture, width: int, height: int) -> None:
    told(picture, stats("", failures=3), *(stats(f"op{number}") for number in range(28)), alert("firing", 1))
    console = Console(width=width, height=height, record=True, force_terminal=True, file=StringIO())
    header = Header(
        [("Kafka", "127.0.0.1:9092"), ("ClickHouse", "http://127.0.0.1:8123")], [("pipeline stats", "x")] * 3, "ends"
    )
    said = [f"chat posted: message {number}" for number in range(9)]
    scene = Scene(picture, Counts(acknowledged=1_234), "1m", 30.0, Notices(print), said)
    console.print(screen(scene, header, console))
    text = console.export_text()
    assert [f"message {number}" in text for number in range(9)] == [False] * 6 + [True] * 3
    assert len(text.splitlines()) <= height
    assert all(len(line) <= width for line in text.splitlines())
    for word in ("127.0.0.1:9092", "1,234", "pipeline stats", "on purpose", "FIRING", "demo/shop/pay", "op0"):
        assert word in text
    assert ("calmer ones not shown" in text) == (height < 54)


def test_a_notice_takes_the_place_of_the_schedule(picture: Picture) -> None:
    said: list[str] = []
    notices = Notices(said.append)
    console = Console(width=100, height=40, record=True, file=StringIO())
    with notices.held():
        notices.tell("The lander left with exit code 1; it starts again in 1 s.\n  its last line")
        console.print(screen(Scene(picture, Counts(), "1m", 30.0, notices), Header([], [], ""), console))
        assert not said
    text = console.export_text()
    assert "The lander left" in text
    assert "error storm" not in text
    assert len(said) == 1
