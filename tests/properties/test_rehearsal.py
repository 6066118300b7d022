"""The live engine on made-up traffic decides what brute force over the same events decides."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.series import Series
from pipeline.rehearsal.events import spread
from pipeline.rehearsal.script import Traffic
from pipeline.rules_file import parse_rules
from tests.properties.performing import performed
from tests.scenarios.timeline import WINDOWS, Timeline, ms

END_S = 180
PAY, REFUND = Series("prod", "checkout", "pay"), Series("prod", "checkout", "refund")
# Decided on the watermark alone: early looks depend on when events arrive, which brute force does not know.
RULES = """
rules:
  - {name: rate, type: error_rate, window: 1m, on_time: true, severities: {warning: 5%, critical: 30%}}
  - {name: sure, type: error_rate, window: 1m, on_time: true, confidence: 0.95, severities: {warning: 5%}}
  - {name: success, type: success_rate, group_by: service, window: 5m, on_time: true, severities: {warning: 90%}}
  - {name: p90, type: response_time, statistic: p90, window: 1m, on_time: true, severities: {warning: 900ms}, for: 20s}
  - {name: slow, type: slow_operations, group_by: overall, window: 1m, on_time: true, severities: {warning: 10}}
  - {name: budget, type: budget, budget: 1s, statistic: avg, window: 1m, on_time: true, severities: {warning: 50%}}
  - {name: errors, type: error_count, group_by: service, window: 1m, on_time: true, severities: {warning: 3}}
  - {name: pace, type: errors_per_second, group_by: overall, window: 1m, on_time: true, severities: {warning: 0.1/s}}
  - {name: falls, type: throughput, window: 1m, severities: {warning: 1/s, critical: 0.2/s}}
  - {name: burn, type: burn_rate, objective: 95%, window: 5m, short_window: 1m, on_time: true, severities: {info: 2}}
  - {name: worse, type: change, of: error_rate, window: 1m, on_time: true, severities: {warning: 2}}
  - {name: less, type: change, of: throughput, side: below, window: 1m, severities: {warning: 0.5}}
  - {name: slower, type: change, of: response_time, window: 1m, on_time: true, severities: {warning: 1.5}}
"""

calls = st.builds(
    lambda series, start, length, every, count, failed, duration: Traffic(
        series=series,
        from_ms=start * 1_000,
        end_ms=min(start + length, END_S) * 1_000,
        every_ms=every * 500,
        calls=count,
        failed=Fraction(failed, 20),
        duration_us=duration,
    ),
    st.sampled_from([PAY, REFUND]),
    st.integers(0, 150),
    st.integers(5, 120),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(0, 20),
    st.sampled_from([10_000, 600_000, 950_000, 1_000_000, 4_000_000]),
)
errors = st.builds(
    lambda start, count: Traffic(
        series=PAY, from_ms=start * 1_000, end_ms=start * 1_000 + 1, every_ms=1, calls=count, error="error"
    ),
    st.integers(0, 170),
    st.integers(1, 8),
)
ALWAYS = Traffic(series=PAY, from_ms=0, end_ms=END_S * 1_000, every_ms=2_000)


def by_brute_force(traffic: list[Traffic]) -> list[tuple[object, ...]]:
    line = Timeline(RULES)
    for one in traffic:
        times = [at for at in range(one.from_ms, one.end_ms, one.every_ms) for _ in range(one.calls)]
        bad = spread(one.failed, len(times))
        for at_ms, failed in zip(times, bad.tolist(), strict=True):
            if one.error is not None:
                line.traffic.add(at_ms / 1_000, 0, series=one.series, errors=1)
            else:
                line.traffic.add(at_ms / 1_000, 1, int(failed), series=one.series, duration_us=one.duration_us)
    line.run(0, END_S)
    return sorted(
        (alert.step_end_ms - ms(0), alert.rule, alert.series, alert.state, alert.severity, alert.value, alert.samples)
        for transition in line.transitions
        if (alert := transition.alert) is not None
    )


def by_the_live_engine(traffic: list[Traffic]) -> list[tuple[object, ...]]:
    return sorted(
        (one.at_ms, alert.rule, alert.series, alert.state, alert.severity, alert.value, alert.samples)
        for one in performed(RULES, traffic, END_S * 1_000)
        for alert in (one.alert,)
    )


@given(st.lists(calls | errors, min_size=1, max_size=6))
@settings(max_examples=12, deadline=None)
def test_the_live_engine_decides_what_brute_force_decides(traffic: list[Traffic]) -> None:
    assert by_the_live_engine([ALWAYS, *traffic]) == by_brute_force([ALWAYS, *traffic])


def test_the_rules_do_fire_on_such_traffic() -> None:
    storm = Traffic(series=PAY, from_ms=60_000, end_ms=120_000, every_ms=500, failed=Fraction(1), duration_us=4_000_000)
    told = Traffic(series=PAY, from_ms=70_000, end_ms=70_001, every_ms=1, calls=8, error="error")
    busy = Traffic(series=REFUND, from_ms=0, end_ms=90_000, every_ms=500)
    found = by_brute_force([ALWAYS, storm, told, busy])
    assert found == by_the_live_engine([ALWAYS, storm, told, busy])
    fired = {one[1] for one in found if one[3] == "firing"}
    assert fired == {rule.name for rule in parse_rules(RULES, "rules.yaml", WINDOWS)}
