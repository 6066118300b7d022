"""What transitions come to: episodes, figures by rule, cells of a timeline."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pipeline.backtest.episodes import Episode, Episodes
from pipeline.backtest.summary import summaries
from pipeline.backtest.timeline import lines
from pipeline.cli.backtest_timeline import timeline
from pipeline.cli.console import out
from schemas.structs import Alert
from tests.contracts.told_records import alert as any_alert

HOUR_MS = 3_600_000
FROM_MS, TO_MS = 1_000 * HOUR_MS, 1_010 * HOUR_MS


def alert(at_h: float, state: str, severity: str = "warning", *, notify: bool = True, **changes: object) -> Alert:
    """A transition so many hours after the range began, of an episode that began and fired there unless said."""
    at_ms = FROM_MS + round(at_h * HOUR_MS)
    facts = {
        "alert_id": "a", "rule": "rate", "series": "prod/shop", "state": state, "severity": severity, "notify": notify,
        "step_end_ms": at_ms, "started_ms": at_ms, "fired_ms": at_ms if state == "firing" else None, **changes,
    }  # fmt: skip
    return msgspec.structs.replace(any_alert(), **facts)


def taken(alerts: Iterable[Alert]) -> Episodes:
    found = Episodes(FROM_MS, TO_MS)
    for one in alerts:
        found.take(one)
    return found


FIRED_MS = FROM_MS + HOUR_MS
ONE = [
    alert(1, "firing", started_ms=FIRED_MS, fired_ms=FIRED_MS),
    alert(2, "firing", "critical", fired_ms=FIRED_MS),
    alert(3, "recovering", "critical", notify=False, fired_ms=FIRED_MS),
    alert(4, "resolved", "critical", fired_ms=FIRED_MS),
]


def test_an_episode_counts_what_people_hear_and_the_pages_among_it() -> None:
    (one,) = taken(ONE)
    assert (one.notices, one.pages, one.severity) == (3, 1, "critical")
    assert (one.fired_ms, one.ended_ms) == (FIRED_MS, FIRED_MS + 3 * HOUR_MS)


def test_what_was_told_before_the_range_is_not_counted_and_what_ended_before_is_left_out() -> None:
    before_ms = FROM_MS - 2 * HOUR_MS
    ongoing = [
        alert(-2, "firing", alert_id="b", fired_ms=before_ms),
        alert(1, "resolved", alert_id="b", fired_ms=before_ms),
    ]
    over = [alert(-3, "firing", alert_id="c"), alert(0, "resolved", alert_id="c", fired_ms=FROM_MS - 3 * HOUR_MS)]
    found = taken([*over, *ongoing])
    assert [(one.alert_id, one.notices) for one in found] == [("b", 1)]
    (figures,) = summaries(["rate"], found, FROM_MS, TO_MS)
    assert (figures.episodes, figures.ongoing, figures.longest_ms) == (0, 1, HOUR_MS)


def test_a_week_is_counted_at_the_pace_of_the_range() -> None:
    (figures,) = summaries(["rate"], taken(ONE), FROM_MS, TO_MS)
    assert (figures.pages, figures.pages_per_week, figures.notices_per_week) == (1, 16.8, 50.4)


def test_every_rule_has_its_figures_also_one_that_never_fired() -> None:
    pending = [alert(1, "pending", notify=False, rule="slow"), alert(2, "inactive", notify=False, rule="slow")]
    never, passed = summaries(["never", "slow"], taken(pending), FROM_MS, TO_MS)
    assert (never.rule, never.episodes, never.longest_ms, never.detected_in_ms) == ("never", 0, None, None)
    assert (passed.episodes, passed.passed, passed.longest_ms) == (0, 1, None)


def test_the_median_time_to_detect_is_of_episodes_that_began_in_the_range() -> None:
    found = [
        Episode(str(after_s), "rate", "prod", FIRED_MS, fired_ms=fired_ms, troubled_ms=fired_ms - after_s * 1_000)
        for after_s, fired_ms in ((10, FIRED_MS), (30, FIRED_MS), (80, FIRED_MS), (9_000, FROM_MS))
    ]
    (figures,) = summaries(["rate"], found, FROM_MS, TO_MS)
    assert figures.detected_in_ms == 30_000


def test_a_cell_shows_the_gravest_state_of_its_time() -> None:
    (line,) = lines(taken(ONE), FROM_MS, TO_MS, 10)
    warning, critical = ("firing", "warning"), ("firing", "critical")
    assert line.cells == [None, warning, critical, ("recovering", "critical"), *[None] * 6]
    (coarse,) = lines(taken(ONE), FROM_MS, TO_MS, 2)
    assert coarse.cells == [critical, None]


def test_an_alert_of_an_instant_and_one_that_goes_on_are_seen() -> None:
    blink = [alert(5, "firing"), alert(5, "resolved")]
    going = [alert(9, "firing", alert_id="b", series="prod/other")]
    first, second = lines(taken([*blink, *going]), FROM_MS, TO_MS, 10)
    assert (first.series, first.cells.index(("firing", "warning")), first.fired_ms) == ("prod/other", 9, HOUR_MS)
    assert (second.series, second.cells.index(("firing", "warning")), second.fired_ms) == ("prod/shop", 5, 0)


def test_the_drawing_has_a_line_for_what_fired_longest_and_counts_the_rest() -> None:
    going = [alert(9.5, "firing", alert_id="b", series="prod/other")]
    with out.capture() as captured:
        out.print(timeline([*taken([*ONE, *going])], FROM_MS, TO_MS, 80, 1))
    drawn = captured.get()
    assert "rate prod/shop" in drawn
    assert "1 episode, 3h" in drawn
    assert "rate prod/other" not in drawn
    assert "and 1 more" in drawn
