"""The stories of `pipeline explain`, word for word, and what window stats say of a rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import typer

from pipeline.cli.explain import series_of
from pipeline.cli.explain_query import Told, Windows
from pipeline.cli.explain_story import alert_story, moment_story, sentence
from pipeline.cli.explain_windows import UnsaidError, value_of
from pipeline.cli.explain_words import NOTICES, REASONS, notice_text, reason_text
from pipeline.core.alert_reasons import Notice, Reason
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.rules_file import parse_rules
from tests.scenarios.timeline import PAY, START_MS

AT_MS = START_MS + 300_000  # 06:05:00
LENGTHS = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000}
HELD: dict[str, float | None] = {
    "events": 200, "calls": 200, "cancelled": 0, "failures": 10, "client_errors": 8, "slow_per_minute": 3.0,
    "avg_ms": 20.0, "max_ms": 900.0, "p50_ms": 10.0, "p95_ms": 80.0, "p99_ms": 120.0, "p999_ms": 800.0,
    "error_events": 6, "errors_warning": 3, "errors_error": 2, "errors_critical": 1,
}  # fmt: skip


def told(**changes: Any) -> Told:
    fields: dict[str, Any] = {
        "decision_id": "d", "rule": "error-rate", "rule_type": "error_rate", "rule_version": "5d1c0b7e",
        "environment": "prod", "service": "checkout", "operation": "pay", "dimensions": "", "decided": "on_time",
        "state": "firing", "previous_state": "inactive", "severity": "critical", "alert_id": "a1", "sequence": 1,
        "reason": "BREACH", "notice": "NOTIFY_FIRST", "value": 0.073, "threshold": 0.05, "comparison": ">",
        "unit": "ratio", "samples": 412, "min_samples": 20, "window": "5m", "completeness": 1.0,
        "step_end_ms": AT_MS, "since_ms": AT_MS, "window_start_ms": AT_MS - 300_000, "window_end_ms": AT_MS,
        "watermark_ms": AT_MS,
    }  # fmt: skip
    return Told(**(fields | changes))


QUIET: dict[str, Any] = {
    "state": "inactive", "severity": "", "alert_id": "", "sequence": 0, "notice": "", "threshold": 0.02
}  # fmt: skip
FEW = told(**QUIET, reason="MIN_SAMPLES", value=0.25, samples=8, since_ms=AT_MS - 120_000)


def rule(text: str = "type: error_rate, severities: {warning: 2%, critical: 10%}") -> Rule:
    found = parse_rules(f"rules:\n  - {{name: error-rate, {text}}}\n", "r.yaml", tuple(LENGTHS))
    return found[0]


def story(
    *around: Told,
    of: Rule | None = None,
    gone: bool = False,
    series: Series = PAY,
    before: Told | None = None,
    windows: Windows | None = None,
) -> list[str]:
    now = None if gone else of or rule()
    held = windows if windows is not None else Windows(step_end_ms=AT_MS, by_name={"5m": HELD}, newest_ms=AT_MS)
    return moment_story(now, "error-rate", series, AT_MS, before, around, held, LENGTHS, 1_000)


# ---- an alert


def test_an_alert_is_told_from_its_breach_to_its_end() -> None:
    over = told(
        state="resolved", previous_state="firing", sequence=2, reason="RECOVERED", notice="NOTIFY_RESOLVED",
        value=0.012, threshold=0.02, step_end_ms=AT_MS + 60_000, since_ms=AT_MS + 60_000,
        window_start_ms=AT_MS - 240_000, window_end_ms=AT_MS + 60_000,
    )  # fmt: skip
    assert alert_story([told(decided="early", watermark_ms=AT_MS - 12_000), over]) == [
        "Alert a1: rule error-rate on prod/checkout/pay, now resolved.",
        (
            "2025-11-22 06:05:00 [critical] it fired: the threshold was passed. Measured: 7.30 % over 5m "
            "(06:00:00 to 06:05:00), 412 samples (the rule asks for 20); a breach is > 5.00 %. Decided early, before the "
            "watermark, which stood at 06:04:48. People were to be told: it fired."
        ),
        (
            "2025-11-22 06:06:00 [critical] it was resolved: no longer in breach. Measured: 1.20 % over 5m "
            "(06:01:00 to 06:06:00), 412 samples (the rule asks for 20); a breach is > 2.00 %. People were to be told that "
            "it was over."
        ),
    ]


def test_an_alert_that_never_fired_says_so() -> None:
    pending = told(state="pending", reason="WAITING", notice="SUPPRESS_PENDING")
    headline, waiting = alert_story([pending])
    assert headline.endswith("now pending. It never fired.")
    assert "it became pending: in breach, but not yet for as long as `for` says." in waiting
    assert waiting.endswith("Nobody was told: it did not fire.")


def test_what_was_kept_back_says_why() -> None:
    assert sentence(told(notice="SUPPRESS_COOLDOWN")).endswith(
        "Nobody was told: the cooldown of the episode before had not ended."
    )
    frozen = told(reason="FROZEN_INCOMPLETE", notice="", value=None, samples=None, completeness=0.75)
    assert sentence(frozen) == (
        "2025-11-22 06:05:00 [critical] it was frozen: data of a source was missing that might have undone a change. "
        "No value is kept over 5m (06:00:00 to 06:05:00). Only 75.0 % of the sources were complete."
    )


def test_an_alert_whose_decision_has_not_landed_is_told_without_why() -> None:
    assert "it became firing (why has not landed yet)" in sentence(told(reason=""))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_words(reason: Reason) -> None:
    assert reason_text(reason) == REASONS[reason]


@pytest.mark.parametrize("notice", Notice)
def test_every_notice_has_its_words(notice: Notice) -> None:
    assert notice_text(notice) == NOTICES[notice]


def test_a_reason_of_a_later_release_is_told_by_its_name() -> None:
    assert "NEVER_HEARD" in reason_text("NEVER_HEARD")
    assert "NEVER_HEARD" in notice_text("NEVER_HEARD")


# ---- a moment


def test_too_few_samples_are_told_with_since_when_and_what_the_window_held() -> None:
    held = Windows(step_end_ms=AT_MS, by_name={"5m": HELD | {"events": 8, "calls": 8, "failures": 2}}, newest_ms=AT_MS)
    assert story(FEW, windows=held) == [
        "At 2025-11-22 06:05:00 rule error-rate on prod/checkout/pay was inactive.",
        "What else was decided about then:",
        (
            "2025-11-22 06:05:00 it did not fire: in breach, but over fewer samples than `min_samples` asks for. Measured: "
            "25.0 % over 5m (06:00:00 to 06:05:00), 8 samples (the rule asks for 20); a breach is > 2.00 %. So it was at "
            "each step since 2025-11-22 06:03:00."
        ),
        (
            "The 5m window that ended 2025-11-22 06:05:00 held: error rate 25.0 %, 8 samples. That is a breach of the rule "
            "as it is now: > 10.0 % (critical); there were fewer samples than the 20 that it asks for."
        ),
    ]


def test_no_breach_is_told_from_the_windows_alone() -> None:
    held = Windows(step_end_ms=AT_MS, by_name={"5m": HELD | {"failures": 4}}, newest_ms=AT_MS)
    assert story(windows=held)[1:] == [
        "No decision about it is kept from about then.",
        (
            "The 5m window that ended 2025-11-22 06:05:00 held: error rate 2.00 %, 200 samples. That is no breach: the rule "
            "as it is now asks for > 2.00 % (warning)."
        ),
    ]


def test_a_rule_with_for_says_that_it_must_last() -> None:
    lasting = rule("type: error_rate, severities: {warning: 2%}, for: 2m, confidence: 0.95")
    assert story(of=lasting)[-1].endswith(
        "; it asks to be 95.0 % sure, so the bound is judged and not the value; it must last 2m."
    )


def test_an_alert_that_was_there_is_told_with_its_last_change_once() -> None:
    fired = told()
    lines = story(fired, before=fired)
    assert lines[0].endswith("was firing.")
    assert lines[1] == "Its last change up to then was of alert a1:"
    assert sum("it fired" in line for line in lines) == 1


def test_what_is_not_there_is_told() -> None:
    newest = Windows(step_end_ms=AT_MS, newest_ms=AT_MS, last_ms=AT_MS - 600_000)
    assert story(windows=newest)[-1] == (
        "There were no events of this series in the window: its last window with any ended 2025-11-22 05:55:00."
    )
    assert "is unknown up to then" in story(windows=msgspec.structs.replace(newest, last_ms=None))[-1]
    behind = story(windows=Windows(step_end_ms=AT_MS, newest_ms=AT_MS - 10_000))[-1]
    assert behind == (
        "The watermark had not passed that time when history was written last: its newest step is 2025-11-22 06:04:50."
    )
    assert story(gone=True)[-1] == "There is no rule error-rate among the rules as they are now."
    assert "does not cover prod/checkout: it groups by operation" in story(series=Series("prod", "checkout", ""))[-1]


# ---- what window stats say


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("type: error_rate, severities: {warning: 2%}", 0.05),
        ("type: error_rate, exclude_client_errors: true, severities: {warning: 2%}", 0.01),
        ("type: success_rate, severities: {warning: 95%}", 0.95),
        ("type: response_time, severities: {warning: 1s}", 80_000),
        ("type: response_time, statistic: avg, severities: {warning: 1s}", 20_000),
        ("type: budget, budget: 100ms, statistic: p99, severities: {warning: 80%}", 1.2),
        ("type: slow_operations, severities: {warning: 3}", 3),
        ("type: error_count, severities: {warning: 3}", 6),
        ("type: error_count, least: error, severities: {warning: 3}", 3),
        ("type: errors_per_second, least: critical, severities: {warning: 1/s}", 1 / 300),
        ("type: throughput, severities: {warning: 1/s}", 200 / 300),
    ],
)
def test_a_rules_value_is_read_from_window_stats(text: str, value: float) -> None:
    assert value_of(rule(text), {"5m": HELD}, LENGTHS, 1_000) == pytest.approx(value)


def test_a_burn_rate_is_the_lesser_of_both_windows() -> None:
    burning = rule("type: burn_rate, objective: 99%, window: 1h, short_window: 5m, severities: {critical: 3}")
    assert value_of(burning, {"1h": HELD | {"failures": 20}, "5m": HELD}, LENGTHS, 1_000) == pytest.approx(5)
    assert value_of(burning, {"1h": HELD, "5m": HELD | {"calls": 0}}, LENGTHS, 1_000) is None


@pytest.mark.parametrize(
    "text",
    [
        "type: response_time, statistic: p90, severities: {warning: 1s}",
        "type: slow_operations, slow_from: 250ms, severities: {warning: 3}",
        "type: change, of: throughput, window: 5m, against: 1h, severities: {warning: 2}",
    ],
)
def test_what_window_stats_do_not_have_is_not_made_up(text: str) -> None:
    with pytest.raises(UnsaidError):
        value_of(rule(text), {"5m": HELD, "1h": HELD}, LENGTHS, 1_000)
    assert "is not among the window stats" in story(of=rule(text))[-1]


def test_nothing_to_measure_is_no_value() -> None:
    held = HELD | {"calls": 5, "cancelled": 5}
    assert value_of(rule(), {"5m": held}, LENGTHS, 1_000) is None
    assert story(windows=Windows(step_end_ms=AT_MS, by_name={"5m": held}))[-1].endswith(
        "held nothing to measure the error rate of."
    )


@pytest.mark.parametrize(
    "series",
    [PAY, Series("prod", "checkout", ""), Series("prod", "", ""), Series("prod", "a", "GET /x/y", "az=1,region=eu")],
)
def test_a_series_is_read_as_it_is_written(series: Series) -> None:
    assert series_of(series.label()) == series


def test_no_series_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="prod/checkout/pay"):
        series_of("/pay")
