"""Checks of stats and of breaches: sums, missing records, holes, corrections, and alerts that never came."""

from __future__ import annotations

from pathlib import Path

import msgspec

from faults.verdict.account import Account
from faults.verdict.check_breaches import check_breaches
from faults.verdict.check_stats import check_history_stats, check_stats
from faults.verdict.expected import expect
from pipeline.core.series import Series, shard_of
from pipeline.settings import Settings, window_ms
from schemas.structs import encode
from tests.faults.test_verdict_alerts import an_alert
from tests.faults.verdict_record import Record

NOW_MS = 1_763_791_200_000
PANE_MS = 10_000
SETTINGS = Settings(windows=("20s", "1m"), partitions=1)
SERIES = [Series("prod", "shop", "pay"), Series("prod", "shop", ""), Series("prod", "", "")]
PANES = [3, 0, 2, 0, 0, 0]
"""Events in each pane from `NOW_MS` on."""


def an_account(panes: list[int] = PANES) -> Account:
    account = Account.of(SETTINGS)
    for offset, pane in enumerate(pane for pane, events in enumerate(panes) for _ in range(events)):
        at_ms = NOW_MS + pane * PANE_MS
        value = (
            b'{"type":"operation","event_id":"e","service":"shop","operation":"pay","duration_ms":1,"success":true,'
            b'"environment":"prod","timestamp_ms":%d}' % at_ms
        )
        account.take("events.operations", 0, [Record("events.operations", 0, offset, at_ms, value)], at_ms + 100)
    return account


def say(
    account: Account,
    series: Series,
    step: int,
    *,
    more: int = 0,
    revision: int = 0,
    error_rate: float = 0.0,
    panes: list[int] = PANES,
) -> None:
    """Say on `stats` what the series' windows hold at the end of pane `step`, or `more`."""
    windows = {}
    for window in SETTINGS.windows:
        first = max(0, step + 1 - window_ms(window) // PANE_MS)
        calls = sum(panes[first : step + 1]) + more
        named = {"events": calls, "calls": calls, "error_rate": error_rate}
        rest = ("failures", "client_errors", "timeouts", "cancelled", "error_events")
        windows[window] = {**named, **dict.fromkeys(rest, 0)}
    body = {
        "environment": series.environment,
        "service": series.service,
        "operation": series.operation,
        "step_end_ms": NOW_MS + (step + 1) * PANE_MS,
        "status": "on_time",
        "revision": revision,
        "windows": windows,
    }
    account.stats.take(shard_of(series, SETTINGS.partitions), msgspec.json.encode(body))


def said(*without: tuple[int, int]) -> Account:
    """All records of all series and steps, but for some (series, step)."""
    account = an_account()
    for number, series in enumerate(SERIES):
        for step in range(len(PANES)):
            if (number, step) not in without:
                say(account, series, step)
    return account


def wrong(account: Account) -> tuple[str, ...]:
    return check_stats(account, expect(account)).differences


def test_windows_that_are_the_sums_of_their_panes_pass() -> None:
    assert wrong(said()) == ()


def test_a_window_that_holds_one_call_more_is_found_and_a_correction_heals_it() -> None:
    account = an_account()
    for series in SERIES:
        for step in range(len(PANES)):
            say(account, series, step, more=step == 2 and series == SERIES[0])
    assert [text.split(": ")[1] for text in wrong(account)] == [
        f"{name} expected {calls}, found {calls + 1}" for calls in (2, 5) for name in ("events", "calls")
    ]
    assert "prod/shop/pay 20s until 06:00:30" in wrong(account)[0]
    say(account, SERIES[0], 2, revision=1)
    assert wrong(account) == ()


def test_a_record_that_is_missing_at_a_step_of_its_shard_is_found() -> None:
    (text,) = wrong(said((0, 3), (0, 4)))
    assert text.startswith("prod/shop/pay: no record at 2 steps, the first 06:00:40")


def test_a_step_of_which_nobody_tells_is_found() -> None:
    assert [
        text.split(" (")[0].split(": ") for text in wrong(said(*((number, 3) for number in range(len(SERIES)))))
    ] == [[series.label(), "no record at 1 steps, the first 06:00:40"] for series in SERIES]


def test_a_step_at_which_no_window_holds_anything_needs_no_record() -> None:
    """The first event of a partition may be so old that it has left the windows before another one comes."""
    panes = [1, *[0] * 8, 1]
    account = an_account(panes)
    for series in SERIES:
        for step in (0, 1, 2, 3, 4, 5, 9):  # the window of a minute is empty at 6, 7 and 8
            say(account, series, step, panes=panes)
    assert wrong(account) == ()


def test_two_contents_of_a_revision_are_found() -> None:
    account = said()
    say(account, SERIES[1], 1, more=1)
    assert any("prod/shop step" in text and "two contents" in text for text in wrong(account))


def rows_of(account: Account) -> dict[str, dict[tuple[int, int], tuple[int, ...]]]:
    series, steps_ms, revisions, counts = account.stats.newest()
    return {
        window: {
            (int(of), int(at)): (int(revision), *row.tolist())
            for of, at, revision, row in zip(series, steps_ms, revisions, counts[:, place], strict=True)
        }
        for place, window in enumerate(account.stats.windows)
    }


def test_clickhouse_may_be_ahead_of_the_account_and_not_behind_it() -> None:
    account = said()
    rows = rows_of(account)
    rows["1m"][account.series[SERIES[0]], NOW_MS + 7 * PANE_MS] = (0,) * 8  # a step later
    assert check_history_stats(account, rows.__getitem__).passed
    del rows["1m"][account.series[SERIES[0]], NOW_MS + PANE_MS]
    (text,) = check_history_stats(account, rows.__getitem__).differences
    assert text.startswith("prod/shop/pay 1m until 06:00:10")
    assert text.endswith("ClickHouse None")


RULES = """
rules:
  - {name: error-rate, type: error_rate, window: 1m, min_samples: 1, severities: {warning: 10%}}
"""


def in_breach(tmp_path: Path, *alerts: tuple[int, int, str, str]) -> tuple[str, ...]:
    """Differences of a series in breach at step 2; `alerts`: (sequence, step, state, decided)."""
    file, account = tmp_path / "rules.yaml", an_account()
    file.write_text(RULES)
    for step in range(len(PANES)):
        say(account, SERIES[0], step, error_rate=0.5 if step == 2 else 0.0)
    for sequence, step, state, decided in alerts:
        alert = an_alert(1, sequence, state, (step + 1) * 10, rule_type="error_rate", decided=decided)
        account.alerts.take(encode(alert), 0)
    return check_breaches(account, [file]).differences


def test_a_breach_without_an_alert_is_found(tmp_path: Path) -> None:
    (text,) = in_breach(tmp_path)
    assert text.startswith("error-rate on prod/shop/pay: in breach at 06:00:30")


def test_a_breach_with_its_alert_passes(tmp_path: Path) -> None:
    assert in_breach(tmp_path, (1, 2, "firing", "on_time"), (2, 3, "resolved", "on_time")) == ()


def test_an_alert_that_was_over_before_the_breach_or_came_after_it_is_not_its_alert(tmp_path: Path) -> None:
    assert len(in_breach(tmp_path, (1, 1, "firing", "on_time"), (2, 2, "resolved", "on_time"))) == 1
    assert len(in_breach(tmp_path, (1, 3, "firing", "on_time"))) == 1


def test_an_alert_that_is_recovering_at_the_breach_does_not_fire_and_one_that_came_back_does(tmp_path: Path) -> None:
    recovering = ((1, 0, "firing", "on_time"), (2, 1, "recovering", "on_time"))
    assert len(in_breach(tmp_path, *recovering)) == 1
    assert in_breach(tmp_path, *recovering, (3, 2, "firing", "on_time"), (4, 3, "recovering", "on_time")) == ()


def test_an_alert_that_fired_early_bears_the_time_of_a_later_step(tmp_path: Path) -> None:
    assert in_breach(tmp_path, (1, 4, "firing", "early"), (2, 5, "resolved", "on_time")) == ()
