"""`for`: a breach must last before it fires."""

from tests.scenarios.timeline import Timeline

RULE = "rules: [{name: errors, type: error_rate, keep_firing: 0, window: 1m, for: 30s, severities: {warning: 2%, critical: 50%}}]"


def test_a_breach_that_lasts_is_pending_and_then_fires_at_the_exact_step() -> None:
    """::

    breach        ┌──────────────
    step     10   20   30   40   50
    state         pending        firing
    """
    line = Timeline(RULE)
    line.traffic.steady(0, 10, 100)
    line.traffic.steady(10, 100, 100, 30)
    assert line.run(0, 60) == [
        "20 pending warning WAITING SUPPRESS_PENDING",
        "50 firing warning BREACH NOTIFY_FIRST",
    ]
    pending, firing = (transition.alert for transition in line.transitions)
    assert pending is not None
    assert firing is not None
    assert pending.summary.endswith("; it fires if this lasts 30s")
    assert pending.fired_ms is None
    assert firing.fired_ms == firing.started_ms + 30_000
    assert (pending.alert_id, pending.sequence, firing.sequence) == (firing.alert_id, 1, 2)


def test_a_breach_that_ends_before_that_was_none_and_the_next_one_waits_anew() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 100, 3)
    line.traffic.steady(20, 40, 100)
    line.traffic.steady(100, 160, 100, 30)
    assert line.run(0, 160) == [
        "10 pending warning WAITING SUPPRESS_PENDING",
        "30 inactive warning PASSED SUPPRESS_PENDING",
        "110 pending warning WAITING SUPPRESS_PENDING",
        "140 firing warning BREACH NOTIFY_FIRST",
    ]
    assert [transition.state.episode for transition in line.transitions] == [1, 1, 2, 2]


def test_a_breach_that_has_become_graver_while_pending_fires_as_what_it_is() -> None:
    line = Timeline(RULE)
    line.traffic.steady(0, 10, 100, 10)
    line.traffic.steady(10, 100, 100, 90)
    assert line.run(0, 40)[-1] == "40 firing critical BREACH NOTIFY_FIRST"


def test_an_early_look_leaves_a_rule_with_for_alone() -> None:
    line = Timeline(RULE)
    line.traffic.steady(0, 100, 100, 30)
    assert line.step(10, "early") == []
    line.step(10)
    assert line.step(100, "early") == []


def test_too_few_samples_end_a_wait() -> None:
    line = Timeline(RULE)
    line.traffic.add(5, 100, 30)
    assert line.run(0, 60)[-1] == "40 firing warning BREACH NOTIFY_FIRST"
    line = Timeline(RULE.replace("30s", "90s"), line.traffic)
    assert line.run(0, 120) == [
        "10 pending warning WAITING SUPPRESS_PENDING",
        "70 inactive warning PASSED SUPPRESS_PENDING",
    ]
