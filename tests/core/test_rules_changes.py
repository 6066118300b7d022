"""Rules changed at run time: what is written, what is refused, and the history of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from pipeline.core.rule_orders import (
    KEPT_CHANGES,
    Action,
    RuleChange,
    RuleOrder,
    RuleOrders,
    changed,
    decode_order,
    encode_order,
    order_key,
)
from pipeline.errors import FatalError
from pipeline.rules_changes import (
    BelowControl,
    Note,
    Values,
    Wanted,
    delete,
    disable,
    enable,
    order_for,
    set_values,
    withdraw,
)
from pipeline.rules_file import load_written
from pipeline.settings import Settings

NOW_MS = 1_763_791_200_000
FILE = """\
rules:
  - {name: errors, type: error_rate, severities: {warning: 2%, critical: 5%}}
  - {name: quiet, type: critical_error, enabled: false}
"""


class Desk:
    """Rules, and orders about them, given one after the other."""

    def __init__(self, file: Path, **environment: str) -> None:
        self.below = BelowControl(load_written(file, Settings().windows), environment, Settings().windows)
        self.orders = RuleOrders()

    def give(self, name: str, action: Action, wanted: Wanted, by: str = "ann") -> RuleOrder | None:
        order = order_for(self.below, self.orders, name, action, wanted, Note(NOW_MS, by, "deploy"))
        if order is not None:
            self.orders.put(order_key(name), encode_order(order))
        return order

    def set(self, name: str, **values: object) -> RuleOrder | None:
        given: Values = {path.replace("__", "."): value for path, value in values.items()}  # type: ignore[misc]
        return self.give(name, "set", set_values(given))

    def names(self) -> list[str]:
        return [rule.name for rule in self.below.with_control(self.orders.values).rules]

    def thresholds(self, name: str = "errors") -> list[float]:
        found = self.below.with_control(self.orders.values).get(name)
        assert found is not None
        return [one.value for one in found.rule.thresholds]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def desk(file: Path) -> Desk:
    return Desk(file)


def last(order: RuleOrder | None) -> RuleChange:
    assert order is not None
    return order.changes[-1]


def test_a_change_says_who_when_why_and_what_held_before_and_after(desk: Desk) -> None:
    assert last(desk.set("errors", severities__critical="9%")) == RuleChange(
        at_ms=NOW_MS,
        by="ann",
        action="set",
        because="deploy",
        before={"severities.critical": "5%"},
        after={"severities.critical": "9%"},
    )
    again = last(desk.set("errors", severities__critical="8%", **{"for": "1m"}))
    assert again.before == {"severities.critical": "9%", "for": None}
    assert again.after == {"severities.critical": "8%", "for": "1m"}
    assert desk.thresholds() == [0.02, 0.08]


def test_what_held_before_may_be_of_the_environment(file: Path) -> None:
    desk = Desk(file, PIPELINE_RULE_ERRORS_CRITICAL="7%")
    assert last(desk.set("errors", severities__critical="9%")).before == {"severities.critical": "7%"}
    assert last(desk.give("errors", "reset", withdraw([]))).after == {"severities.critical": "7%"}


def test_what_is_so_already_is_not_written(desk: Desk) -> None:
    assert desk.set("errors", severities__critical="9%") is not None
    assert desk.set("errors", severities__critical="9%") is None
    assert desk.give("errors", "enabled", enable) is None
    assert desk.give("quiet", "reset", withdraw([])) is None


def test_a_rule_is_switched_off_and_on_whoever_did_it(file: Path) -> None:
    desk = Desk(file, PIPELINE_RULE_ERRORS_ENABLED="false")
    assert desk.names() == []
    assert last(desk.give("errors", "enabled", enable)).before == {"enabled": False}
    assert last(desk.give("quiet", "enabled", enable)).after == {"enabled": True}
    assert desk.names() == ["errors", "quiet"]
    assert desk.give("quiet", "disabled", disable) is not None
    assert desk.names() == ["errors"]


def test_switched_on_again_a_rule_is_as_its_file_has_it(desk: Desk) -> None:
    desk.give("errors", "disabled", disable)
    order = desk.give("errors", "enabled", enable)
    assert order is not None
    assert order.values == {}
    assert [one.action for one in order.changes] == ["disabled", "enabled"]


def test_a_rule_made_at_run_time_is_gone_when_it_is_deleted(desk: Desk) -> None:
    made = desk.set("slow", type="response_time", severities={"critical": "2s"}, match={"service": "pay"})
    assert last(made).before == {"name": None, "type": None, "severities.critical": None, "match.service": None}
    assert desk.names() == ["errors", "slow"]
    assert last(desk.give("slow", "deleted", delete)).after["type"] is None
    assert desk.names() == ["errors"]


def test_a_deleted_rule_of_the_file_stays_away_until_it_is_reset(desk: Desk) -> None:
    desk.set("errors", severities__critical="9%")
    desk.give("errors", "deleted", delete)
    assert desk.names() == []
    desk.give("errors", "reset", withdraw([]))
    assert desk.names() == ["errors"]
    assert desk.thresholds() == [0.02, 0.05]


def test_single_values_are_withdrawn(desk: Desk) -> None:
    desk.set("errors", severities__critical="9%", severities__warning="3%", **{"for": "1m"})
    desk.give("errors", "reset", withdraw(["severities.warning", "for"]))
    assert desk.thresholds() == [0.02, 0.09]
    desk.give("errors", "reset", withdraw(["severities"]))
    assert desk.thresholds() == [0.02, 0.05]
    with pytest.raises(FatalError, match=r"Of rule errors cooldown was not changed at run time; changed is nothing"):
        desk.give("errors", "reset", withdraw(["cooldown"]))


def test_a_mapping_set_as_a_whole_takes_the_place_of_what_was_set_in_it(desk: Desk) -> None:
    desk.set("errors", severities__critical="9%")
    order = desk.set("errors", severities={"info": "1%"})
    assert order is not None
    assert order.values == {"severities": {"info": "1%"}}
    assert desk.thresholds() == [0.01]


@pytest.mark.parametrize(
    ("name", "action", "wanted", "why"),
    [
        ("eror", "disabled", disable, r"There is no rule eror; did you mean errors\? There are errors, quiet"),
        ("eror", "reset", withdraw([]), "There is no rule eror"),
        ("eror", "set", set_values({"for": "1m"}), r"Nothing was changed.*no rule eror; did you mean errors\?"),
        ("errors", "set", set_values({"severities.critical": "1%"}), "Nothing was changed.*must be more than warning"),
        ("errors", "set", set_values({"for": "long"}), "for: found 'long'; allowed: a duration with its unit"),
        ("errors", "set", set_values({"window": "7m"}), "window: found '7m'"),
        ("a b", "set", set_values({"type": "critical_error"}), "name: found 'a b'; allowed: a name of at most 100"),
    ],
)
def test_what_would_not_be_sound_is_refused_with_what_is_allowed(
    desk: Desk, name: str, action: Action, wanted: Wanted, why: str
) -> None:
    with pytest.raises(FatalError, match=why):
        desk.give(name, action, wanted)
    assert desk.names() == ["errors"]


def test_a_change_that_no_longer_fits_its_file_can_be_withdrawn(desk: Desk, file: Path) -> None:
    desk.set("errors", severities__critical="9%")
    file.write_text(FILE.replace("warning: 2%, critical: 5%", "warning: 20%"))
    other = Desk(file)
    other.orders = desk.orders
    assert "errors" in other.below.with_control(other.orders.values).refused
    assert other.give("errors", "reset", withdraw([])) is not None
    assert other.below.with_control(other.orders.values).refused == {}


def test_the_history_is_kept_with_the_rule_and_has_an_end() -> None:
    note = RuleChange(at_ms=0, by="ann", action="set", because="", before={}, after={})
    order: RuleOrder | None = None
    for at_ms in range(KEPT_CHANGES + 3):
        order = changed(order, "errors", {}, msgspec.structs.replace(note, at_ms=at_ms))
    assert order is not None
    assert [one.at_ms for one in (order.changes[0], order.changes[-1])] == [3, KEPT_CHANGES + 2]
    assert decode_order(encode_order(order)) == order


def test_records_of_others_on_control_are_passed_over_and_unreadable_ones_are_told() -> None:
    def kept(records: Sequence[tuple[str, bytes | None]]) -> RuleOrders:
        orders = RuleOrders()
        for key, value in records:
            orders.put(key, value)
        return orders

    good = encode_order(RuleOrder(name="a", values={"for": "1m"}))
    orders = kept([("silence/s1", b"{}"), ("epochs", b"x"), ("rule/a", good), ("rule/b", b'{"type":"rule9"}')])
    assert orders.values == {"a": {"for": "1m"}}
    assert list(orders.unreadable) == ["rule/b"]
    assert kept([("rule/a", good), ("rule/a", None)]).by_name == {}
