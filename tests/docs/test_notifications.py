"""What docs/notifications.md says is so: its files are ones that the notifier takes, its defaults and names the real ones."""

import re

import pytest

from pipeline.core.notices import lane
from pipeline.core.notices.plan import DEFAULT_GROUP_BY, DEFAULT_INHIBITIONS, Route
from pipeline.core.notices.suppression import Why
from pipeline.notifier.notifications_file import load_notifications, parse_notifications
from pipeline.rules_values import duration_ms
from tests.docs.documents import DOCUMENTS, ROOT, blocks

DOCUMENT = ROOT / "docs" / "notifications.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", [block for document in DOCUMENTS for block in blocks(document, "yaml") if block.startswith("channels:")]
)
def test_every_notifications_file_is_one_that_the_notifier_takes(text: str) -> None:
    assert parse_notifications(text, "docs").channels != ()


def test_the_file_for_containers_is_one_that_the_notifier_takes() -> None:
    assert load_notifications(ROOT / "deploy" / "notifications.yaml").plan.routes[0].name == "everything"


def test_every_reason_to_hold_a_message_back_is_explained() -> None:
    assert {str(why) for why in Why} <= set(re.findall(r"^\| `([A-Z_]+)` \|", TEXT, re.MULTILINE))


def test_the_defaults_of_a_route_are_the_real_ones() -> None:
    found = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", TEXT, re.MULTILINE))
    default = Route(name="", channels=())
    assert found["group_by"] == f"[{', '.join(DEFAULT_GROUP_BY)}]"
    waits = {"critical_wait": default.critical_wait_ms, "group_wait": default.wait_ms}
    waits |= {"group_interval": default.interval_ms, "repeat_interval": default.repeat_ms}
    assert {name: duration_ms(found[name]) for name in waits} == waits


def test_what_is_said_about_a_dead_channel_is_what_happens() -> None:
    limits = lane.Limits()
    assert (lane.BREAK_AFTER, lane.BREAK_MS, lane.LONGEST_BREAK_MS) == (5, 30_000, 300_000)
    assert (lane.FIRST_RETRY_MS, lane.LONGEST_RETRY_MS) == (1_000, 60_000)
    assert (limits.room, limits.give_up_ms, limits.attempts, limits.per_minute) == (1_000, 3_600_000, 20, 60)


def test_the_inhibitions_that_are_there_by_default_are_written_out_in_the_example() -> None:
    (whole,) = [block for block in blocks(DOCUMENT, "yaml") if "inhibit:" in block]
    assert parse_notifications(whole, "docs").plan.inhibitions[:2] == DEFAULT_INHIBITIONS
