"""A consumer that is stuck is noticed, and nothing else is taken for one."""

import pytest

from pipeline.faust_ext.watchdog import Place, StuckError, Watchdog


def watched(dog: Watchdog, from_ms: int, to_ms: int, position: int, *, at_end: bool = False) -> None:
    for now_ms in range(from_ms, to_ms, 500):
        dog.check({"events-0": Place(position, at_end)}, now_ms)


def test_a_position_that_lags_and_does_not_move_is_stuck() -> None:
    dog = Watchdog(60_000)
    watched(dog, 0, 60_000, 7)
    with pytest.raises(StuckError, match="events-0 lags and has stood at offset 7 for 60 s"):
        watched(dog, 60_000, 62_000, 7)


def test_one_that_moves_or_is_at_the_end_is_not() -> None:
    dog = Watchdog(60_000)
    watched(dog, 0, 50_000, 7)
    watched(dog, 50_000, 100_000, 8)
    watched(dog, 100_000, 300_000, 8, at_end=True)
    watched(dog, 300_000, 350_000, 8)


@pytest.mark.parametrize("asleep_ms", [3_600_000, -3_600_000])
def test_a_machine_that_slept_a_clock_that_was_set_and_a_long_rebalance_are_not(asleep_ms: int) -> None:
    dog = Watchdog(60_000)
    watched(dog, 10_000_000, 10_010_000, 7)
    watched(dog, 10_010_000 + asleep_ms, 10_050_000 + asleep_ms, 7)  # no fetch is fresh yet: it seems to lag


def test_a_partition_that_waits_its_turn_is_stuck_only_if_the_worker_does_nothing_else() -> None:
    dog, waiting = Watchdog(60_000), Place(7, at_end=False, waits=True)
    for now_ms in range(0, 300_000, 5_000):
        dog.check({"events-0": waiting, "events-1": Place(now_ms, at_end=False)}, now_ms)
    idle = {"events-0": waiting, "events-1": Place(5, at_end=True)}
    for now_ms in range(300_000, 365_000, 5_000):
        dog.check(idle, now_ms)
    with pytest.raises(StuckError, match="events-0"):
        dog.check(idle, 370_000)
