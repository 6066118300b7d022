"""What Slack is sent keeps to its schema and its limits, and says what is to be said."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are a package of their own
import msgspec
import pytest

from pipeline.notifier.channels.slack_message import BLOCKS_MAX, COLOURS, OVER_COLOUR, message
from pipeline.notifier.channels.slack_text import bold, code, escaped, link
from pipeline.notifier.message import Notification
from tests.notifier.notices import NASTY, SQL, alert, huge, nasty, notification, over, resolved
from tests.notifier.published import check

LEFT_OUT = re.compile(r"<(?!https?://|!here>)")
BLOCK_CHARACTERS_REFUSED = 13_000
NOTICES = [
    notification(),
    resolved(),
    nasty(),
    huge(),
    notification(alerts=(), kind="test", severity="info", title="a test"),
    notification(alerts=(), kind="custom", text="Maintenance & more\n" * 900),
    notification(alerts=tuple(alert(sample_events=[], sql="", labels={}) for _ in range(300))),
    notification(alerts=(alert(value=None, threshold=None, completeness=None, resolved_ms=None, window=""),)),
]


def texts(found: Any) -> list[str]:
    if isinstance(found, dict):
        return [text for value in found.values() for text in texts(value)]
    if isinstance(found, list):
        return [text for value in found for text in texts(value)]
    return [found] if isinstance(found, str) else []


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
def test_every_message_keeps_to_the_published_schema(notice: Notification) -> None:
    made = message(notice, link_to="https://grafana.example.com/d/1?a=1&b=2", mention="<!here>")
    check("slack_message", msgspec.json.encode(made))
    blocks = [block for attachment in made["attachments"] for block in attachment["blocks"]]
    assert len(blocks) <= BLOCKS_MAX
    assert sum(len(text) for text in texts(blocks)) < BLOCK_CHARACTERS_REFUSED


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
def test_no_text_becomes_a_mention_or_a_link_or_ends_a_block(notice: Notification) -> None:
    made = message(notice, link_to="https://grafana.example.com/", mention="<!here>")
    for text in texts(made):
        assert not LEFT_OUT.search(text), text
        assert text.count("```") in (0, 2), text
        assert all(character.isprintable() or character in "\n\t" for character in text), text
        assert re.sub(r"&(amp|lt|gt);", "", text).count("&") == 0, text


def test_the_fields_say_what_was_measured() -> None:
    fields = message(notification())["attachments"][0]["blocks"][1]["fields"]
    assert [field["text"] for field in fields] == [
        "*Value*\n7.31 %",
        "*Threshold*\n&gt; 5 %",
        "*Window*\n5m: 2026-11-22 13:58:20 to 14:03:20 UTC",
        "*Samples*\n1,412",
        "*Completeness*\n93.7 %, decided early",
        "*Since*\n2026-11-22 14:03:10 UTC",
    ]


def test_a_value_that_was_judged_by_its_bound_says_so() -> None:
    made = message(notification(alerts=(alert(bound=0.0456),)))
    field = made["attachments"][0]["blocks"][1]["fields"][0]
    assert field["text"] == "*Value*\n7.31 %, judged as 4.56 %, its bound at the rule's confidence"


def test_the_colour_is_the_severity_and_green_when_it_is_over() -> None:
    for severity, colour in COLOURS.items():
        assert message(notification(alerts=(alert(severity=severity),)))["attachments"][0]["color"] == colour
    assert message(resolved())["attachments"][0]["color"] == OVER_COLOUR
    both = message(notification(alerts=(alert(), over())))
    assert [one["color"] for one in both["attachments"]] == [COLOURS["critical"], OVER_COLOUR]


def test_the_sql_the_events_and_the_runbook_are_there() -> None:
    made = json.dumps(message(notification()), ensure_ascii=False)
    assert SQL.replace(">", "&gt;").replace("<", "&lt;") in made
    assert "2026-11-22 14:03:10 UTC  req-00002  gateway answered 502" not in made  # two blanks are one
    assert "2026-11-22 14:03:10 UTC req-00002 gateway answered 502" in made
    assert "<https://runbooks.example.com/checkout?from=alert&amp;step=1|Runbook>" in made
    assert "javascript:alert" not in json.dumps(message(nasty())).replace(NASTY, "")


def test_what_does_not_fit_is_counted() -> None:
    made = message(huge(200))
    shown = len(made["attachments"]) - 1
    assert 2 <= shown < 200
    assert texts(made["attachments"][-1]["blocks"])[1:3] == ["mrkdwn", f"and {207 - shown} more alerts"]


def test_everything_is_shown_where_it_fits() -> None:
    made = message(notification(alerts=(alert(), alert(), over())))
    assert len(made["attachments"]) == 3
    assert "more alert" not in json.dumps(made)


def test_text_is_cut_on_whole_characters_and_entities() -> None:
    assert escaped("a<b>&c", 100) == "a&lt;b&gt;&amp;c"
    for limit in range(2, 60):
        cut = escaped("<&>" * 20, limit)
        assert len(cut) <= limit
        assert re.fullmatch(r"(&(amp|lt|gt);)*…?", cut), cut
    assert escaped("abc", 3) == "abc"
    assert escaped("abcd", 3) == "ab…"


def test_code_can_not_be_left_from_inside() -> None:
    made = code("a ``` b", 3_000)
    assert made == "```\na ''' b\n```"
    assert len(code("`" * 5_000, 3_000)) <= 3_000


def test_bold_and_links_hold_what_they_are_given() -> None:
    assert bold("a*b", 100) == "*a∗b*"  # noqa: RUF001 - see bold
    assert link("https://example.com/?a=1&b=<x>|`y", "a<b") == "<https://example.com/?a=1&amp;b=%3Cx%3E%7C%60y|a&lt;b>"


def test_the_schema_would_notice_a_breach() -> None:
    made = message(notification())
    made["attachments"][0]["blocks"][0]["text"]["text"] = "x" * 3_001
    with pytest.raises(jsonschema.ValidationError, match="is not valid under any of the given schemas"):
        check("slack_message", msgspec.json.encode(made))
