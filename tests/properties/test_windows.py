"""Windows equal brute force, whatever the order of records, restarts and crashes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.series import Series
from tests.properties.window_oracle import figures
from tests.properties.window_world import PANE_MS, WINDOWS, World

SERIES = [Series("prod", "checkout", name) for name in ("pay", "refund", "")] + [Series("prod", "", "")]

ACTIONS = st.one_of(
    st.tuples(
        st.just("event"),
        st.integers(0, 2),
        st.integers(-12, 15),
        st.integers(0, 3),
        st.integers(0, 5_000),
        st.sampled_from((200, 404, 500)),
    ),
    st.tuples(st.just("flush"), st.integers(0, 2)),
    st.tuples(st.just("step"), st.integers(0, 2)),
    st.tuples(st.just("roll")),
    st.tuples(st.just("leap"), st.integers(20, 400)),
    st.tuples(st.just("idle"), st.integers(0, 2), st.integers(0, 30)),
    st.tuples(st.just("repeat"), st.integers(0, 1_000)),
    st.tuples(st.just("poll"), st.integers(1, 5)),
    st.tuples(st.just("poll"), st.just(1_000)),
    st.tuples(st.just("commit")),
    st.tuples(st.just("close"), st.integers(0, 12)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("crash while closing")),
    st.tuples(st.just("early")),
)


def perform(world: World, action: tuple, clock_ms: int) -> int:  # type: ignore[type-arg]
    match action:
        case ("event", source, delta_ms, series, latency_us, code):
            clock_ms += 1
            at = world.sources[source % len(world.sources)]
            at.add(max(clock_ms + delta_ms, 0), SERIES[series], latency_us, success=code < 500, status_code=code)
        case ("flush", source):
            world.flush(source % len(world.sources))
        case ("step", source):
            clock_ms += PANE_MS
            for number in range(len(world.sources)):
                world.flush(number)
            world.poll()
            world.commit_now()
            world.close(6)
        case ("roll",):
            clock_ms += PANE_MS
            for number in range(len(world.sources)):
                world.flush(number)
            world.poll()
        case ("leap", by_ms):
            clock_ms += by_ms
        case ("idle", source, by_ms):
            at = world.sources[source % len(world.sources)]
            at.idle = True
            if at.newest_ms is not None:
                at.advance(max(at.newest_ms, clock_ms) + by_ms)
        case ("repeat", place):
            world.repeat(place)
        case ("poll", at_most):
            world.poll(at_most)
        case ("commit",):
            world.commit_now()
        case ("close", tick_ms):
            world.close(tick_ms)
        case ("crash",):
            world.crash()
        case ("crash while closing",):
            world.close(6, crash_before_told=True)
        case ("early",):
            world.early()
    return clock_ms


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 3), st.lists(ACTIONS, max_size=80))
def test_every_window_equals_brute_force_whatever_happens(sources: int, actions: list[tuple]) -> None:  # type: ignore[type-arg]
    world, clock_ms = World(sources), 100
    for action in actions:
        clock_ms = perform(world, action, clock_ms)
    world.finish()
    events, final = world.known_events(), world.final()
    steps = sorted({end_ms for end_ms, _ in final})
    for end_ms in range(steps[0], steps[-1] + 1, PANE_MS) if steps else ():
        for name, size_ms in WINDOWS.items():
            expected = figures(events, end_ms - size_ms, end_ms, PANE_MS)
            found = {series: content[name] for (at_ms, series), content in final.items() if at_ms == end_ms}
            assert {series: each for series, each in found.items() if each is not None} == expected
