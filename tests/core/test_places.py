"""The series cap of a shard."""

from pipeline.core.places import Places
from pipeline.core.series import OVERFLOW, Series

PANE_MS, LONGEST_MS = 10, 50


def op(name: str) -> Series:
    return Series("prod", "shop", name)


OVER = Series("prod", "shop", OVERFLOW, "shard=3")


def places(limit: int) -> Places:
    return Places(limit, 3, LONGEST_MS, PANE_MS)


def close(at: Places, start_ms: int, *names: Series) -> dict[Series, Series]:
    at.opened(names)
    return at.close(start_ms, names)


def test_new_series_get_a_place_in_order_of_their_names() -> None:
    assert close(places(2), 0, op("c"), op("a"), op("b")) == {op("c"): OVER}


def test_a_series_keeps_its_place() -> None:
    at = places(2)
    close(at, 0, op("y"), op("z"))
    assert close(at, 10, op("a"), op("y")) == {op("a"): OVER}


def test_a_place_is_free_again_when_its_series_has_left_the_longest_window() -> None:
    at = places(1)
    close(at, 0, op("z"))
    assert close(at, 40, op("a")) == {op("a"): OVER}
    assert close(at, 50, op("a")) == {}


def test_rollups_and_overflow_always_have_a_place() -> None:
    assert close(places(0), 0, op(""), Series("prod", "", ""), op(OVERFLOW)) == {}


def test_open_panes_are_named_as_closing_them_in_order_would() -> None:
    at = places(2)
    panes = [(0, [op("m")]), (10, [op("a"), op("b")])]
    for _, names in panes:
        at.opened(names)
    assert at.renames(panes) == {0: {}, 10: {op("b"): OVER}}
    assert at.close(*panes[0]) == {}
    assert at.renames(panes[1:]) == {10: {op("b"): OVER}}
    assert at.close(*panes[1]) == {op("b"): OVER}


def test_while_there_is_room_for_all_nothing_is_worked_out() -> None:
    at = places(5)
    at.opened([op("a")])
    assert not at.crowded()
    assert at.renames([(0, [op("a")])]) == {}


def test_after_a_restart_the_same_series_have_a_place() -> None:
    at, again = places(2), places(2)
    close(at, 0, op("y"), op("z"))
    close(at, 10, op("z"))
    again.restored(0, [op("y"), op("z")])
    again.restored(10, [op("z")])
    for start_ms in (20, 50, 60):
        names = (op("a"), op("b"))
        assert close(at, start_ms, *names) == close(again, start_ms, *names)
