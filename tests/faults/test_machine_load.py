"""What the fault machine's load sends and how it counts it, without a broker."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise

import pytest

from faults.crew import Exit
from faults.excuses import GRACE_MS, unexplained
from faults.facts import Fault
from faults.load.content import RING, SHARE, Flavour, Kind, ring
from faults.load.maker import LEDGER, Maker
from faults.load.ranges import Ranges

NOW_MS = 1_763_791_200_123


def test_ranges_are_as_few_as_can_be_and_hold_what_was_added() -> None:
    rng, ranges, numbers = random.Random(1), Ranges(), set[int]()
    for _ in range(2_000):
        first = rng.randrange(5_000)
        past = first + rng.randrange(1, 4)
        ranges.add(first, past)
        numbers.update(range(first, past))
    found = ranges.all()
    assert {number for first, past in found for number in range(first, past)} == numbers
    assert ranges.total() == len(numbers)
    assert all(left[1] < right[0] for left, right in pairwise(found))


def test_ranges_that_touch_become_one() -> None:
    ranges = Ranges()
    for first in (4, 0, 8, 2, 6):
        ranges.add(first, first + 2)
    assert ranges.all() == ((0, 10),)


@pytest.mark.parametrize("kind", Kind)
def test_every_event_has_a_number_of_its_own_and_the_ledger_says_which(kind: Kind) -> None:
    maker, expected = Maker("p", kind, 1, 100), 0
    for _ in range(RING + 10):
        made = maker.make(NOW_MS, storm=False)
        (name, value), events = made.headers[0], made.past - made.first
        assert name == LEDGER
        assert value.decode() == f"p/boot-1/{expected}" + (f"/{events}" if events > 1 else "")
        expected = made.past
    assert maker.sent == expected
    maker.reboot()
    assert maker.make(NOW_MS, storm=False).headers[0][1].startswith(b"p/boot-2/0")


def test_the_same_seed_sends_the_same_events() -> None:
    makers = [Maker("p", Kind.BY_USER, seed, 100) for seed in (1, 1, 2)]
    sent = [[maker.make(NOW_MS, storm=True) for _ in range(500)] for maker in makers]
    assert sent[0] == sent[1] != sent[2]


def test_an_event_id_is_the_place_in_the_ledger_where_the_event_was_first_sent() -> None:
    maker, seen, twice = Maker("p", Kind.NO_KEY, 1, 100), set[str](), 0
    for _ in range(RING):
        made = maker.make(NOW_MS, storm=False)
        try:
            body = json.loads(made.value or b"")
        except ValueError:
            continue
        for number, event in enumerate(body if isinstance(body, list) else [body], made.first):
            if isinstance(event, dict) and event.get("event_id", "").startswith("p/"):
                duplicate = event["event_id"] in seen
                twice += duplicate
                assert duplicate or event["event_id"] == f"p/boot-1/{number}"
                seen.add(event["event_id"])
    assert twice > 0


def test_everything_that_can_be_wrong_is_in_every_ring() -> None:
    for kind in Kind:
        found = Counter(plan.flavour for plan in ring(1, kind, 1_000))
        assert set(found) == set(Flavour)
        assert found[Flavour.ORDINARY] > 0.98 * RING


def test_the_producers_share_the_whole_load() -> None:
    assert set(SHARE) == set(Kind)
    assert sum(SHARE.values()) == pytest.approx(1)


def test_an_exit_is_explained_by_a_fault_of_what_it_needs_and_by_no_other() -> None:
    exits = [Exit("aggregator-1", 5_000, 1, ""), Exit("lander-1", 5_000, 1, "")]
    kafka = Fault("kill_kafka", "kafka", 1_000, 2_000)
    assert unexplained(exits, [kafka]) == []
    assert unexplained(exits, [Fault("kill_kafka", "kafka", 6_000, 7_000)]) == exits
    assert unexplained(exits, [Fault("kill_kafka", "kafka", 1_000, 4_999 - GRACE_MS)]) == exits
    assert unexplained(exits, [Fault("clickhouse_slow", "clickhouse", 1_000, 9_000)]) == exits
    assert unexplained(exits, [Fault("zombie", "lander-1", 1_000, 4_000)]) == exits[:1]
