"""No data, late data, half of the data: what is missing is said to be missing, and is neither calm nor a breach."""

from __future__ import annotations

from pipeline.core.alert_reasons import Reason
from pipeline.core.series import Series
from tests.scenarios.timeline import PAY, Timeline, ms, story

RATE = "rules: [{name: errors, type: error_rate, window: 1m, severities: {warning: 2%, critical: 50%}, keep_firing: 0}]"


def frozen_at(line: Timeline) -> list[tuple[int, str]]:
    """When it was said that something is frozen, or no more."""
    found = [one for each in line.evaluations for one in each.decisions]
    return [
        ((one.step_end_ms - ms(0)) // 1_000, one.reason)
        for one in found
        if one.reason in (Reason.FROZEN_INCOMPLETE, Reason.FROZEN_LAGGING, Reason.THAWED)
    ]


def incomplete(line: Timeline, start: int, end: int) -> list[str]:
    """Final looks at which a source is missing."""
    found = []
    for at in range(start + 10, end + 1, 10):
        view = line.traffic.view(ms(at))
        view.completeness = 0.75
        found += line.evaluate(view)
    return story([one for one in found if one.alert is not None])


def failing(rule: str = RATE) -> Timeline:
    """Failing until 60, fine from then on."""
    line = Timeline(rule)
    line.traffic.steady(0, 60, 100, 60)
    line.traffic.steady(60, 600, 100)
    return line


def test_while_a_source_is_missing_nothing_ends_and_nothing_gets_milder_and_it_is_said_once() -> None:
    """::

    error rate   60 %  falls to 0 at 120 ──────────────────────
    sources      all  │ one is missing        │ all
    step         60   70                      200       210
    state        critical, frozen ────────────────────► resolved
    """
    line = failing()
    assert line.run(0, 60) == ["10 firing critical BREACH NOTIFY_FIRST"]
    assert incomplete(line, 60, 200) == []
    assert frozen_at(line) == [(70, Reason.FROZEN_INCOMPLETE)]
    (state,) = line.states
    assert (state.state, state.severity, state.frozen_ms) == ("firing", "critical", ms(70))
    assert line.run(200, 210) == ["210 resolved critical RECOVERED NOTIFY_RESOLVED"]
    assert next(iter(line.states)).frozen_ms is None


def test_a_frozen_alert_whose_breach_goes_on_thaws_in_silence_and_can_freeze_again() -> None:
    line = failing()
    line.run(0, 60)
    incomplete(line, 60, 120)
    line.traffic.steady(120, 220, 200, 200)
    line.traffic.steady(220, 300, 100)
    assert incomplete(line, 120, 200) == []
    assert line.run(200, 210) == ["210 firing critical THAWED state only"]
    assert incomplete(line, 210, 300) == []
    assert [reason for _, reason in frozen_at(line)] == [
        Reason.FROZEN_INCOMPLETE,
        Reason.THAWED,
        Reason.FROZEN_INCOMPLETE,
    ]


def test_frozen_survives_a_restart_and_is_not_said_again() -> None:
    line = failing()
    line.run(0, 60)
    incomplete(line, 60, 100)
    line.restart()
    assert incomplete(line, 60, 150) == []
    assert len(frozen_at(line)) == 1
    assert line.run(150, 160) == ["160 resolved critical RECOVERED NOTIFY_RESOLVED"]


def test_a_recovering_alert_is_not_over_while_a_source_is_missing() -> None:
    line = failing(RATE.replace("keep_firing: 0", "keep_firing: 30s"))
    line.run(0, 120)
    assert incomplete(line, 120, 300) == []
    assert [one.state.state for one in line.transitions][-1:] == ["recovering"]
    assert line.run(300, 310) == ["310 resolved warning RECOVERED NOTIFY_RESOLVED"]


def test_a_wait_goes_on_while_a_source_is_missing() -> None:
    line = failing(RATE.replace("keep_firing: 0", "for: 5m"))
    line.run(0, 60)
    assert incomplete(line, 60, 300) == []
    assert line.run(300, 310) == ["310 inactive critical PASSED SUPPRESS_PENDING"]


def test_what_is_seen_to_fail_fires_although_a_source_is_missing() -> None:
    line = failing()
    assert incomplete(line, 0, 10) == ["10 firing critical BREACH NOTIFY_FIRST"]


def test_missing_events_are_no_silence() -> None:
    """A worker is gone, and with it a partition: the service did not fall silent."""
    line = Timeline(
        "rules: [{name: down, type: absence, group_by: service, severities: {warning: 1m, critical: 2m}, keep_firing: 0}]"
    )
    line.traffic.add(5)
    line.run(0, 60)
    assert incomplete(line, 60, 200) == []
    assert frozen_at(line) == [(70, Reason.FROZEN_INCOMPLETE)]
    assert line.run(200, 210) == ["prod/checkout 210 firing critical BREACH NOTIFY_FIRST"]
    line.traffic.add(215)
    assert incomplete(line, 210, 220) == ["prod/checkout 220 resolved critical RECOVERED NOTIFY_RESOLVED"]


def test_a_count_above_its_threshold_is_not_undone_by_what_comes_late_and_fires_early() -> None:
    line = Timeline(
        "rules: [{name: slow, type: slow_operations, window: 1m, severities: {warning: 3}, keep_firing: 0}]"
    )
    line.traffic.add(2, 5, duration_us=2_000_000)
    assert story(line.step(10, "early", until=3)) == ["10 firing warning BREACH NOTIFY_FIRST"]
    line.traffic.add(4, 10_000)
    assert line.step(10) == []


def lagging(line: Timeline, at: int, watermark: int) -> list[str]:
    """An early look while one source has fallen behind."""
    view = line.traffic.view(ms(at), "early")
    view.watermark_ms = ms(watermark)
    return story([one for one in line.evaluate(view) if one.alert is not None])


def test_while_a_source_lags_alerts_are_frozen_and_what_gets_worse_is_told() -> None:
    """::

    watermark   60 ──────────────────────────────┐ 120 130
    looks       final   early, 44 s ahead ··· 46 s, 50 s     final
    state       firing                      frozen           as it was decided all along
    """
    line = failing(RATE.replace("2%, critical: 50%", "2%, critical: 95%"))
    line.run(0, 60)
    assert lagging(line, 104, 60) == []
    assert frozen_at(line) == []
    assert [lagging(line, at, 60) for at in (106, 110)] == [[], []]
    assert frozen_at(line) == [(106, Reason.FROZEN_LAGGING)]
    (state,) = line.states
    assert (state.state, state.frozen_ms, state.last_step_ms) == ("firing", ms(60), ms(10))
    line.restart()
    assert lagging(line, 110, 60) == []
    assert len(frozen_at(line)) == 1
    assert line.run(60, 120) == [
        "70 firing warning THAWED state only",
        "120 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]


def test_an_alert_that_gets_graver_while_a_source_lags_is_told() -> None:
    line = failing(RATE.replace("2%, critical: 50%", "2%, critical: 80%"))
    line.run(0, 60)
    line.traffic.add(105, 10_000, 10_000)
    assert lagging(line, 110, 60) == ["110 firing critical ESCALATED NOTIFY_ESCALATED"]
    assert lagging(line, 110, 60) == []
    assert next(iter(line.states)).severity == "critical"


# ---- no_data


def quiet(rule: str) -> Timeline:
    """60 % of the calls fail until 60; then nobody calls."""
    line = Timeline(rule)
    line.traffic.steady(0, 60, 100, 60)
    return line


def test_by_default_an_empty_window_ends_an_alert_after_keep_firing() -> None:
    line = quiet(RATE.replace("keep_firing: 0", "keep_firing: 30s"))
    assert line.run(0, 300) == [
        "10 firing critical BREACH NOTIFY_FIRST",
        "120 recovering critical NO_DATA SUPPRESS_RECOVERING",
        "150 resolved critical NO_DATA NOTIFY_RESOLVED",
    ]
    summaries = [one.state.last_transition.summary for one in line.transitions]
    assert summaries[1] == "no calls from prod/checkout/pay in the last 1m; it is over if this lasts 30s"
    assert summaries[2].endswith("is resolved for want of data: no calls in the last 1m")


KEEP = RATE.replace("keep_firing: 0", "no_data: keep, keep_firing: 30s")


def test_keep_leaves_an_alert_as_it_is_and_says_so_once() -> None:
    line = quiet(KEEP)
    assert line.run(0, 600) == ["10 firing critical BREACH NOTIFY_FIRST"]
    said = [one for each in line.evaluations for one in each.decisions if one.reason is Reason.KEPT_NO_DATA]
    assert [(one.step_end_ms - ms(0)) // 1_000 for one in said] == [120]
    line.traffic.steady(600, 700, 100)
    assert line.run(600, 700) == [
        "610 recovering critical CALM SUPPRESS_RECOVERING",
        "640 resolved critical RECOVERED NOTIFY_RESOLVED",
    ]


def test_keep_lets_a_wait_stand_still_and_neither_fire_nor_pass() -> None:
    line = Timeline(KEEP.replace("keep_firing: 30s", "for: 2m"))
    line.traffic.add(5, 100, 60)
    assert line.run(0, 200) == ["10 pending critical WAITING SUPPRESS_PENDING"]
    line.traffic.add(205, 100, 60)
    assert line.run(200, 210) == ["210 firing critical BREACH NOTIFY_FIRST"]


def test_nothing_is_kept_for_longer_than_a_day() -> None:
    line = quiet(KEEP)
    line.run(0, 600)
    day = 60 + 86_400
    assert line.run(day - 10, day + 40) == [
        f"{day} recovering critical NO_DATA SUPPRESS_RECOVERING",
        f"{day + 30} resolved critical NO_DATA NOTIFY_RESOLVED",
    ]


ALERT = RATE.replace("keep_firing: 0", "no_data: alert, for: 30s, keep_firing: 20s")


def test_alert_takes_an_empty_window_for_a_breach_and_honours_for_and_keep_firing() -> None:
    line = Timeline(ALERT)
    line.traffic.steady(0, 60, 100)
    line.traffic.steady(200, 300, 100)
    assert line.run(0, 300) == [
        "120 pending warning WAITING SUPPRESS_PENDING",
        "150 firing warning NO_DATA NOTIFY_FIRST",
        "210 recovering warning CALM SUPPRESS_RECOVERING",
        "230 resolved warning RECOVERED NOTIFY_RESOLVED",
    ]
    fired = line.transitions[1].state.last_transition
    assert (fired.value, fired.samples) == (None, 0)
    assert fired.summary == "no calls from prod/checkout/pay in the last 1m"


def test_alert_makes_nothing_milder_while_there_is_no_data() -> None:
    line = quiet(ALERT)
    assert line.run(0, 900) == [
        "10 pending critical WAITING SUPPRESS_PENDING",
        "40 firing critical BREACH NOTIFY_FIRST",
    ]


def test_no_data_of_one_series_is_no_matter_of_another() -> None:
    refund = Series("prod", "checkout", "refund")
    line = Timeline(ALERT)
    line.traffic.steady(0, 60, 100)
    line.traffic.steady(0, 300, 100, series=refund)
    assert {PAY} == {one.state.series for step in range(10, 300, 10) for one in line.step(step)}


def test_an_empty_window_is_no_breach_while_a_source_is_missing() -> None:
    line = Timeline(ALERT)
    line.traffic.steady(0, 60, 100)
    line.run(0, 100)
    assert incomplete(line, 100, 300) == []
    assert frozen_at(line) == [(120, Reason.FROZEN_INCOMPLETE)]
