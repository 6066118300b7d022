"""Critical errors: told at once, counted within an episode, over when none comes."""

from pipeline.core.alert_signal import evaluate_signal
from pipeline.core.series import Series
from tests.scenarios.timeline import PAY, Timeline, critical_error, ms, story

RULE = "rules: [{name: critical, type: critical_error, hold: 1m, cooldown: 2m}]"


def test_a_critical_error_fires_at_once_with_the_error_in_it() -> None:
    line = Timeline(RULE)
    assert story(line.signal(3, offset=7)) == ["3 firing critical BREACH NOTIFY_FIRST"]
    alert = line.transitions[0].alert
    assert alert is not None
    assert alert.decided == "signal"
    assert alert.summary == "critical error in prod/checkout/pay: CardDeclined: no such card"
    assert [sample.event_id for sample in alert.sample_events] == ["event-7"]
    assert (alert.value, alert.threshold, alert.comparison, alert.samples) == (1, 0, ">", 1)
    assert (alert.window_start_ms, alert.window_end_ms) == (ms(3), ms(3) + 1)
    assert "severity = 'critical'" in alert.sql


def test_the_next_ones_are_counted_and_it_ends_a_hold_time_after_the_last() -> None:
    """::

    errors    3     40        none
    second    3     40              100
    state     firing ────────────── resolved
    """
    line = Timeline(RULE)
    line.signal(3, 1)
    assert story(line.signal(40, 2)) == ["3 firing critical REPEATED state only"]
    assert line.run(0, 200) == ["100 resolved critical HOLD_OVER NOTIFY_RESOLVED"]
    alert = line.transitions[-1].alert
    assert alert is not None
    assert alert.summary == "no critical error in prod/checkout/pay for 1m (2 in this episode)"


def test_the_same_error_told_twice_changes_nothing_while_it_fires_and_after() -> None:
    line = Timeline(RULE)
    line.signal(3, 1)
    assert line.signal(3, 1) == []
    line.run(0, 70)
    assert line.signal(3, 1) == []
    assert line.evaluations[-1].decisions[0].reason == "DUPLICATE"


def test_several_errors_of_one_record_are_told_apart() -> None:
    line = Timeline(RULE)
    first = critical_error(3, 1)
    for index, changes in ((0, 1), (1, 1), (1, 0)):
        signal = type(first)(**{name: getattr(first, name) for name in first.__struct_fields__} | {"index": index})
        evaluation = evaluate_signal(line.compiled, signal, line.states, None)
        assert len(evaluation.transitions) == changes
        for transition in evaluation.transitions:
            line.states.put(transition.state)


def test_an_error_that_comes_late_is_told_and_held_from_the_watermark_on() -> None:
    line = Timeline(RULE)
    line.run(0, 600)
    assert story(line.signal(100, 1, watermark=600)) == ["100 firing critical BREACH NOTIFY_FIRST"]
    assert line.run(600, 700) == ["660 resolved critical HOLD_OVER NOTIFY_RESOLVED"]


def test_within_the_cooldown_it_is_told_when_that_is_over_if_it_still_fires() -> None:
    line = Timeline(RULE.replace("1m", "5m").replace("2m", "2m"))
    line.signal(0, 1)
    assert line.run(0, 310) == ["300 resolved critical HOLD_OVER NOTIFY_RESOLVED"]
    assert story(line.signal(320, 2)) == ["320 firing critical BREACH SUPPRESS_COOLDOWN"]
    assert line.run(320, 700) == [
        "420 firing critical TOLD_LATE NOTIFY_COOLDOWN_OVER",
        "620 resolved critical HOLD_OVER NOTIFY_RESOLVED",
    ]


def test_two_episodes_that_begin_in_one_millisecond_have_ids_of_their_own() -> None:
    line = Timeline(RULE)
    line.signal(3, 1)
    line.run(0, 100)
    line.signal(3, 2, watermark=100)
    ids = [transition.state.last_transition.alert_id for transition in line.transitions]
    assert ids[0] == ids[1] != ids[2]


def test_an_error_without_an_operation_alerts_for_its_service() -> None:
    line = Timeline(RULE)
    assert story(line.signal(3, 1, Series("prod", "checkout", "")))[0].startswith("prod/checkout 3 firing")
    assert line.run(0, 100) == ["prod/checkout 70 resolved critical HOLD_OVER NOTIFY_RESOLVED"]


def test_a_rule_may_watch_some_services_alone() -> None:
    line = Timeline(RULE.replace("hold", "match: {service: 'search*'}, hold"))
    assert line.signal(3, 1) == []
    assert len(line.signal(3, 2, Series("prod", "search-eu", "query"))) == 1


def test_a_restart_in_mid_episode_neither_tells_again_nor_loses_count() -> None:
    line = Timeline(RULE)
    line.signal(3, 1)
    line.signal(4, 2)
    line.restart()
    assert line.signal(3, 1) == []
    assert line.signal(4, 2) == []
    assert len(line.signal(5, 3)) == 1
    state = line.states.get("critical", PAY)
    assert state is not None
    assert state.signals is not None
    assert state.signals.count == 3
    assert line.run(0, 100) == ["70 resolved critical HOLD_OVER NOTIFY_RESOLVED"]


def test_a_rule_that_covers_the_series_no_more_ends_its_alert() -> None:
    line = Timeline(RULE)
    line.signal(3, 1)
    line.reload(RULE.replace("hold", "match: {service: other}, hold"))
    assert line.run(0, 10) == ["10 resolved critical RULE_CHANGED NOTIFY_RESOLVED"]
