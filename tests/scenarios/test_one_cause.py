"""One cause pages once: rules over short and over long windows through one outage, from the calls to the messages."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.core.notices.plan import Plan, Route
from pipeline.core.series import Series
from pipeline.kept_windows import kept_windows
from pipeline.rehearsal.perform import START_MS, Found, perform
from pipeline.rehearsal.script import Script, Traffic
from pipeline.rules_file import load_rules
from pipeline.settings import Settings
from schemas.structs import AlertDecision
from tests.core.notice_desk import Desk

SETTINGS = Settings()
PAY = Series("prod", "checkout", "pay")
WINDOWS = kept_windows(SETTINGS)
MINUTE_MS = 60_000
PLAN = Plan(routes=(Route(name="pages", channels=("pager",), repeat_ms=0),))


def minutes(begin: int, end: int, calls_a_pane: int, failed: Fraction = Fraction(0)) -> Traffic:
    return Traffic(
        series=PAY,
        from_ms=begin * MINUTE_MS,
        every_ms=10_000,
        end_ms=end * MINUTE_MS,
        calls=calls_a_pane,
        failed=failed,
        duration_us=10_000,
    )


def outage(rules: str, *traffic: Traffic, until: int) -> list[Found]:
    script = Script(
        file="",
        rules=tuple(load_rules(Path(f"preset:{rules}"), WINDOWS)),
        windows=WINDOWS,
        traffic=traffic,
        expected=(),
        only=False,
        until_ms=until * MINUTE_MS,
    )
    return perform(script, SETTINGS)


def told(found: list[Found], until: int, *, restarts: bool = False) -> tuple[list[str], list[AlertDecision]]:
    """Return what people read, `minute kind: rule state`, and what was held back."""
    desk, read = Desk(PLAN, START_MS), list[str]()
    waiting = sorted(found, key=lambda one: one.at_ms)
    for second in range(0, until * 60, 10):
        while waiting and waiting[0].at_ms <= second * 1_000:
            desk.hear(waiting.pop(0).alert)
        if restarts:
            desk.restart()
        before = len(desk.sent)
        desk.wait(10)
        for delivery in desk.sent[before:]:
            alerts = ", ".join(f"{one.rule} {one.state}" for one in delivery.notification.alerts)
            read.append(f"{(delivery.made_ms - START_MS) // MINUTE_MS} {delivery.notification.kind}: {alerts}")
    return read, desk.decisions()


@pytest.fixture(scope="module")
def total() -> list[Found]:
    """Half an hour in which every call fails, between ten good minutes and an hour and a half of them."""
    return outage("defaults", minutes(0, 10, 100), minutes(10, 40, 100, Fraction(1)), minutes(40, 130, 100), until=130)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_long_outage_pages_once_although_the_rule_over_a_day_fires_too(total: list[Found], *, restarts: bool) -> None:
    fired = {one.alert.rule for one in total if one.alert.notify and one.alert.state == "firing"}
    assert fired == {"error-rate", "error-rate-day"}
    read, held_back = told(total, 130, restarts=restarts)
    at_first, graver, at_last = read
    assert (at_first, graver) == ("10 firing: error-rate firing",) * 2  # within seconds: above 2 %, above 5 %
    assert at_last == "46 resolved: error-rate resolved"
    day = [one for one in held_back if one.rule == "error-rate-day"]
    short = next(one.alert.alert_id for one in total if one.alert.rule == "error-rate")
    assert [(one.reason, one.held_by) for one in day] == [("INHIBITED_BY", f"short-hides-long: {short}")] * 2
    while_it_fired, afterwards = day
    assert while_it_fired.until_ms is None
    assert afterwards.held_ms is not None
    assert afterwards.until_ms is not None
    assert 24 * 3_600_000 - MINUTE_MS < afterwards.until_ms - afterwards.held_ms <= 24 * 3_600_000


def test_without_the_inhibition_the_day_would_page_again(total: list[Found]) -> None:
    desk = Desk(Plan(routes=PLAN.routes, inhibitions=()), START_MS)
    for one in total:
        desk.wait((START_MS + one.at_ms - desk.now_ms) // 1_000)
        desk.hear(one.alert)
    desk.wait(60)
    rules = {alert.rule for one in desk.sent for alert in one.notification.alerts}
    assert rules == {"error-rate", "error-rate-day"}


def test_of_four_burn_rates_one_pages_and_what_goes_on_more_slowly_is_told_after_it() -> None:
    ten_times = minutes(60, 190, 1_000, Fraction(1, 100))
    found = outage("burn-rate", minutes(0, 20, 1_000), minutes(20, 60, 1_000, Fraction(1, 2)), ten_times, until=190)
    read, _ = told(found, 190)
    firing = [line for line in read if "firing:" in line]
    assert firing[0].endswith("firing: burn-rate-fast firing")
    assert len(firing) == 2
    assert "burn-rate-steady firing" in firing[1]


def test_of_four_burn_rates_the_slower_ones_end_unheard_when_all_is_well_again() -> None:
    found = outage(
        "burn-rate", minutes(0, 20, 1_000), minutes(20, 60, 1_000, Fraction(1, 2)), minutes(60, 150, 1_000), until=150
    )
    fired = {one.alert.rule for one in found if one.alert.notify and one.alert.state == "firing"}
    assert {"burn-rate-fast", "burn-rate-steady", "burn-rate-day"} <= fired
    read, held_back = told(found, 150)
    assert [line.split(" ", 1)[1] for line in read] == [
        "firing: burn-rate-fast firing",
        "resolved: burn-rate-fast resolved",
    ]
    steady = {one.reason for one in held_back if one.rule == "burn-rate-steady"}
    assert steady == {"INHIBITED_BY", "OVER_BEFORE_TOLD"}
