"""What must not matter: order within the bound, how keys are spread over partitions, and when it all happens."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.clock import START_MS
from tests.model.events import DURATIONS_MS, OPERATIONS, SERVICES, Element
from tests.model.examine import quiet
from tests.model.outcome import Arrival, moved, outcome
from tests.model.schedule import ORDERLY_MS, VERDICTS
from tests.model.tally import PANE_MS

SPAN_MS = 60_000

elements = st.builds(
    Element,
    kind=st.sampled_from(["operation", "operation", "operation", "error"]),
    timestamp_ms=st.integers(START_MS + ORDERLY_MS, START_MS + SPAN_MS),
    service=st.sampled_from(SERVICES),
    operation=st.sampled_from(OPERATIONS),
    duration_ms=st.sampled_from(DURATIONS_MS),
    verdict=st.sampled_from(VERDICTS),
    weight=st.sampled_from([1, 1, 3]),
    severity=st.sampled_from(["warning", "error", "critical"]),
)
arrivals = st.builds(
    lambda element, delay_ms, partition: Arrival(element.timestamp_ms + delay_ms, partition, element),
    elements,
    st.integers(0, ORDERLY_MS),
    st.integers(0, 2),
)
streams = st.lists(arrivals, min_size=1, max_size=40)
examples = settings(max_examples=8, deadline=None)


@examples
@given(streams, st.data())
def test_order_within_the_bound_does_not_matter(stream: list[Arrival], data: st.DataObject) -> None:
    delays = data.draw(st.lists(st.integers(0, ORDERLY_MS), min_size=len(stream), max_size=len(stream)))
    other = [
        replace(each, at_ms=each.element.timestamp_ms + delay_ms) for each, delay_ms in zip(stream, delays, strict=True)
    ]
    with quiet():
        assert outcome(other) == outcome(stream)


@examples
@given(streams, st.data())
def test_how_keys_are_spread_over_partitions_does_not_matter(stream: list[Arrival], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, 2), min_size=len(stream), max_size=len(stream)))
    other = [replace(each, partition=place) for each, place in zip(stream, places, strict=True)]
    with quiet():
        assert outcome(other, partitions=3) == outcome(stream, partitions=1)


@examples
@given(streams, st.integers(-(10**6), 10**6))
def test_time_shifted_by_whole_panes_shifts_windows_and_alerts(stream: list[Arrival], panes: int) -> None:
    by_ms = panes * PANE_MS
    with quiet():
        there = outcome(moved(stream, by_ms), origin_ms=START_MS + by_ms)
        assert there == outcome(stream)


def test_a_stream_in_breach_has_windows_and_alerts_to_compare() -> None:
    calls = [Element("operation", START_MS + 5_000 + 100 * n, verdict="failed") for n in range(30)]
    with quiet():
        found = outcome([Arrival(each.timestamp_ms, 0, each) for each in calls])
    assert (10_000, "prod/shop/pay") in found.windows
    assert [(story[0], story[4]) for story in found.alerts if story[1] == "prod/shop/pay"] == [
        ("errors", "firing"),
        ("errors", "recovering"),
        ("errors", "resolved"),
        ("silent", "firing"),
    ]
