"""Idle source partitions: when they are, and how their watermark goes on."""

from __future__ import annotations

from pipeline.aggregator.idle import IdleClock

RULES = {"idle_after_ms": 5_000, "start_grace_ms": 3_000}


def test_a_partition_is_idle_after_a_while_at_its_end_and_its_watermark_goes_on_with_time() -> None:
    clock = IdleClock(quiet_since_ms=0, base_ms=None, base_at_ms=0)
    clock.saw_events(500_000, now_ms=1_000)
    assert clock.look(at_end=True, now_ms=5_999, **RULES) is None
    assert clock.look(at_end=True, now_ms=9_000, **RULES) == 508_000
    assert clock.is_idle
    clock.saw_events(600_000, now_ms=9_500)
    assert not clock.is_idle


def test_a_partition_never_used_has_no_watermark_and_is_idle_after_the_grace() -> None:
    clock = IdleClock(quiet_since_ms=0, base_ms=None, base_at_ms=0)
    assert clock.look(at_end=True, now_ms=2_999, **RULES) is None
    assert not clock.is_idle
    assert clock.look(at_end=True, now_ms=3_000, **RULES) is None
    assert clock.is_idle
    assert clock.when(None) is None


def test_the_time_when_no_worker_ran_has_gone_by_as_well() -> None:
    """Idle at 100 s with watermark 2017; stopped until 700 s: ten minutes have passed in 2017 too."""
    before = IdleClock(quiet_since_ms=90_000, base_ms=1_000_000, base_at_ms=90_000)
    committed_ms = before.look(at_end=True, now_ms=100_000, **RULES)
    assert committed_ms == 1_010_000
    at_ms = before.when(committed_ms)
    assert at_ms == 100_000
    after = IdleClock(quiet_since_ms=700_000, base_ms=committed_ms, base_at_ms=at_ms)
    assert after.look(at_end=True, now_ms=704_999, **RULES) is None
    assert after.look(at_end=True, now_ms=705_000, **RULES) == 1_615_000


def test_events_that_came_while_no_worker_ran_are_judged_by_the_watermark_of_then() -> None:
    after = IdleClock(quiet_since_ms=700_000, base_ms=1_010_000, base_at_ms=100_000)
    after.saw_events(1_011_000, now_ms=700_100)
    assert after.look(at_end=True, now_ms=701_000, **RULES) is None
    assert after.when(1_011_000) == 700_100


def test_producers_have_a_moment_after_an_outage_to_send_what_they_kept_back() -> None:
    """Kafka is away for a minute; the settling that waits for it looks again only when it is back."""
    clock = IdleClock(quiet_since_ms=0, base_ms=500_000, base_at_ms=0)
    assert clock.look(at_end=True, now_ms=4_500, **RULES) is None
    assert clock.look(at_end=True, now_ms=64_500, **RULES) is None
    assert clock.look(at_end=True, now_ms=69_000, **RULES) is None
    assert clock.look(at_end=True, now_ms=69_500, **RULES) == 569_500


def test_a_partition_that_is_behind_again_is_not_idle_until_it_was_quiet_for_a_while() -> None:
    clock = IdleClock(quiet_since_ms=0, base_ms=500_000, base_at_ms=0)
    assert clock.look(at_end=True, now_ms=5_000, **RULES) == 505_000
    assert clock.look(at_end=False, now_ms=5_500, **RULES) is None
    assert clock.look(at_end=True, now_ms=6_000, **RULES) is None
    assert clock.look(at_end=True, now_ms=10_500, **RULES) == 510_500
