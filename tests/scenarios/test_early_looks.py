"""Early looks begin alerts within a second; what ends is decided on the watermark."""

from tests.scenarios.timeline import Timeline, story

RULE = "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 1m, severities: {warning: 2%, critical: 50%}}]"


def test_an_early_look_fires_and_the_watermark_confirms_it_in_silence() -> None:
    line = Timeline(RULE)
    line.traffic.add(3, 50, 5)
    assert story(line.step(10, "early", until=4)) == ["10 firing warning BREACH NOTIFY_FIRST"]
    assert line.transitions[0].alert is not None
    assert line.transitions[0].alert.decided == "early"
    assert line.step(10, "early") == []
    assert line.step(10) == []


def test_an_early_look_makes_graver_but_neither_milder_nor_over() -> None:
    """::

    calls     10 bad of 20   + 100 good            in the pane that ends at 10
    looks     early          early     on time
    state     firing         firing    resolved
    """
    line = Timeline(RULE)
    line.traffic.add(2, 20, 11)
    line.traffic.add(6, 1_000, 0)
    assert story(line.step(10, "early", until=3)) == ["10 firing critical BREACH NOTIFY_FIRST"]
    assert line.step(10, "early", until=7) == []
    assert story(line.step(10)) == ["10 resolved critical RECOVERED NOTIFY_RESOLVED"]


def test_severity_rises_early_and_falls_on_the_watermark() -> None:
    line = Timeline(RULE)
    line.traffic.add(2, 20, 2)
    line.traffic.add(4, 20, 20)
    line.traffic.add(6, 20, 0)
    assert story(line.step(10, "early", until=3)) == ["10 firing warning BREACH NOTIFY_FIRST"]
    assert story(line.step(10, "early", until=5)) == ["10 firing critical ESCALATED NOTIFY_ESCALATED"]
    assert story(line.step(10)) == ["10 firing warning DE_ESCALATED SUPPRESS_DE_ESCALATED"]


def test_the_watermark_of_an_older_step_cannot_end_what_a_newer_one_began() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 1_000, 0)
    line.traffic.add(72, 50, 25)
    assert story(line.step(80, "early")) == ["80 firing warning BREACH NOTIFY_FIRST"]
    assert line.step(70) == []
    assert line.step(80) == []


def test_an_early_look_at_a_step_that_is_decided_changes_nothing() -> None:
    line = Timeline(RULE)
    line.step(10)
    line.traffic.add(3, 50, 25)
    assert line.step(10, "early") == []
    assert line.step(10, "late") == []


def test_a_rule_may_ask_for_the_watermark_only() -> None:
    line = Timeline(RULE.replace("window", "on_time: true, window"))
    line.traffic.add(3, 50, 5)
    assert line.step(10, "early") == []
    assert story(line.step(10)) == ["10 firing warning BREACH NOTIFY_FIRST"]


def test_an_early_look_reads_only_series_that_have_changed() -> None:
    line = Timeline(RULE)
    line.traffic.add(3, 50, 5)
    view = line.traffic.view(1_763_791_210_000, "early")
    view.changed[:] = False
    assert line.evaluate(view) == []
    view.changed[:] = True
    assert len(line.evaluate(view)) == 1
