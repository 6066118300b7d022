"""What the notifier held back, as `pipeline explain` tells it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.cli.explain_held import HELD, held_sentence
from pipeline.cli.explain_query import Told, merged
from pipeline.cli.explain_story import alert_story, sentence
from pipeline.core.notices.suppression import Why
from tests.core.test_cli_explain import AT_MS, told

HOUR_MS = 3_600_000


def held(why: str, **changes: Any) -> Told:
    return told(**({"reason": why, "notice": "", "channel": "pager", "held_ms": AT_MS + 3_000} | changes))


@pytest.mark.parametrize("why", Why)
def test_every_reason_has_its_words(why: Why) -> None:
    assert HELD[why] in held_sentence(held(why))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            held("SILENCED_BY", held_by="s1", author="ann", until_ms=AT_MS + HOUR_MS),
            "not sent to pager: silenced until 2025-11-22 07:05:00 by ann (s1).",
        ),
        (
            held("GROUPED", until_ms=AT_MS + 13_000),
            f"not sent to pager yet: {HELD[Why.GROUPED]} until 2025-11-22 06:05:13.",
        ),
        (
            held("ACKNOWLEDGED", held_by="a1", author="ann", until_ms=AT_MS + HOUR_MS),
            "not repeated on pager: acknowledged until 2025-11-22 07:05:00 by ann (a1).",
        ),
        (
            held("OVER_BEFORE_TOLD", held_by="s1", author="ann"),
            "not sent to pager: it ended before anybody was told, kept back by ann (s1).",
        ),
        (
            held("OVER_BEFORE_TOLD"),
            "not sent to pager: it ended before anybody was told.",
        ),
        (
            held("UNDELIVERED", held_by="k1", answer="20 attempts: 503"),
            "not sent to pager: given up after 20 attempts: 503 (k1).",
        ),
        (held("UNROUTED", channel=""), "nobody was told: no route of the notifications file fits it."),
        (held("LATER_WORD"), "not sent to pager: held back for the reason LATER_WORD."),
    ],
)
def test_it_is_told_by_the_clock_with_channel_author_end_and_name(one: Told, words: str) -> None:
    assert sentence(one) == f"2025-11-22 06:05:03 {words}"


def test_an_early_alert_whose_step_ends_later_stands_before_what_held_it_back() -> None:
    fired = told(decided="early", step_end_ms=AT_MS + 5_000)
    silenced = held("SILENCED_BY", decided="early", step_end_ms=AT_MS + 5_000)
    assert merged([silenced, fired], []) == [fired, silenced]


def test_what_held_an_alert_back_stands_between_its_beginning_and_its_end() -> None:
    over = told(state="resolved", previous_state="firing", sequence=2, reason="RECOVERED", step_end_ms=AT_MS + 60_000)
    missed = held("OVER_BEFORE_TOLD", sequence=2, state="resolved", held_ms=AT_MS + 61_000)
    story = merged([missed, held("SILENCED_BY"), told(), over], [])
    assert [one.reason for one in story] == ["BREACH", "SILENCED_BY", "RECOVERED", "OVER_BEFORE_TOLD"]
    assert alert_story(story)[0].endswith("now resolved.")


def test_a_transition_whose_decision_has_not_landed_is_told_although_the_notifiers_has() -> None:
    assert [one.reason for one in merged([held("SILENCED_BY")], [told(reason="")])] == ["", "SILENCED_BY"]
