"""Windows equal brute force: for any interleaving, repeated and old records, late events, commits and crashes."""

import dataclasses
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.block import COLUMN
from pipeline.core.series import OVERFLOW, Series
from pipeline.core.step_view import StepView
from tests.properties.window_oracle import figures
from tests.properties.window_world import CONFIG, LONGEST_MS, PANE_MS, WINDOWS, World

SERIES = [
    *(Series("prod", "shop", name) for name in ("pay", "refund", "list", "find", "")),
    Series("prod", "auth", "login"),
    Series("prod", "", ""),
]
Action = tuple[str | int, ...]


class Story:
    """What happens to a world: one method for each kind of action."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock_ms = 100

    def perform(self, action: Action) -> None:
        kind, *arguments = action
        getattr(self, str(kind))(*arguments)

    def event(self, source: int, delta_ms: int, series: int, latency_us: int, code: int) -> None:
        self.clock_ms += 1
        at_ms = max(self.clock_ms + delta_ms, 0)
        at = self.world.sources[source % len(self.world.sources)]
        at.add(at_ms, SERIES[series], latency_us, success=code < 500, status_code=code)

    def flush(self, source: int) -> None:
        self.world.flush(source % len(self.world.sources))

    def roll(self) -> None:
        """A pane's length goes by and everybody sends."""
        self.clock_ms += PANE_MS
        for number in range(len(self.world.sources)):
            self.world.flush(number)
        self.world.poll()

    def step(self) -> None:
        self.roll()
        self.world.commit_now()
        self.world.close(6)

    def leap(self, by_ms: int) -> None:
        self.clock_ms += by_ms

    def idle(self, source: int, by_ms: int) -> None:
        at = self.world.sources[source % len(self.world.sources)]
        at.idle = True
        if at.newest_ms is not None:
            at.advance(max(at.newest_ms, self.clock_ms) + by_ms)

    def repeat(self, place: int) -> None:
        self.world.repeat(place)

    def poll(self, at_most: int) -> None:
        self.world.poll(at_most)

    def commit(self) -> None:
        self.world.commit_now()

    def close(self, tick_ms: int) -> None:
        self.world.close(tick_ms)

    def crash(self) -> None:
        self.world.crash()

    def crash_while_closing(self) -> None:
        self.world.close(6, crash_before_told=True)

    def early(self) -> None:
        self.world.early()


SOURCE = st.integers(0, 2)
EVENT = st.tuples(
    st.just("event"),
    SOURCE,
    st.integers(-12, 15),
    st.integers(0, len(SERIES) - 1),
    st.integers(0, 5_000),
    st.sampled_from((200, 404, 500)),
)
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    EVENT,
    EVENT,
    st.tuples(st.just("flush"), SOURCE),
    st.sampled_from([("step",), ("roll",), ("commit",), ("crash",), ("crash_while_closing",), ("early",)]),
    st.tuples(st.just("leap"), st.sampled_from((20, 50, 400))),
    st.tuples(st.just("idle"), SOURCE, st.integers(0, 30)),
    st.tuples(st.just("repeat"), st.integers(0, 1_000)),
    st.tuples(st.just("poll"), st.sampled_from((1, 2, 5, 1_000))),
    st.tuples(st.just("close"), st.integers(0, 12)),
)
STORIES = st.lists(ACTIONS, min_size=15, max_size=150)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 3), STORIES)
def test_every_window_equals_brute_force_whatever_happens(sources: int, actions: list[Action]) -> None:
    story = Story(World(sources))
    for action in actions:
        story.perform(action)
    story.world.finish()
    events, final = story.world.known_events(), story.world.final()
    steps = sorted({end_ms for end_ms, _ in final})
    for end_ms in range(steps[0], steps[-1] + 1, PANE_MS) if steps else ():
        for name, size_ms in WINDOWS.items():
            expected = figures(events, end_ms - size_ms, end_ms, PANE_MS)
            found = {series: content[name] for (at_ms, series), content in final.items() if at_ms == end_ms}
            assert {series: each for series, each in found.items() if each is not None} == expected
    assert not story.world.table, "everything has left the windows"


class CrowdedWorld(World):
    """A shard with more operations than it may hold: what has no place is counted in the overflow of its service."""

    def __init__(self, sources: int) -> None:
        super().__init__(sources, dataclasses.replace(CONFIG, series_limit=2))

    def check(self, view: StepView) -> None:
        if view.status == "late" or (view.status == "early" and self.read < self.furthest):
            return
        known = self.known_events()
        for name, size_ms in self.config.windows.items():
            expected: Counter[tuple[str, bool]] = Counter()
            for event in known:
                if view.end_ms - size_ms <= event.timestamp_ms < view.end_ms:
                    expected[event.series.service, bool(event.series.operation)] += 1
            columns = view.window(name)
            found: Counter[tuple[str, bool]] = Counter()
            for series, calls in zip(view.series, columns.scalars[:, COLUMN["calls"]].tolist(), strict=True):
                found[series.service, bool(series.operation)] += calls
            assert +found == expected, (view.status, view.end_ms, name)
            assert columns.hist.sum() == columns.status_calls.sum() == found.total()
        longest = view.window("five")
        live = [
            series
            for row, series in enumerate(view.series)
            if longest.scalars[row].any() and series.operation not in ("", OVERFLOW)
        ]
        assert len(live) <= 2
        assert max(self.config.windows.values()) == LONGEST_MS


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 3), STORIES)
def test_with_too_many_series_nothing_is_lost_and_closed_panes_stay_the_same(
    sources: int, actions: list[Action]
) -> None:
    story = Story(CrowdedWorld(sources))
    for action in actions:
        story.perform(action)
    story.world.finish()
    assert not story.world.table
