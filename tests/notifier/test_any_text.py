"""Whatever the texts of an alert are, each receiver's limits and forms hold."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.notifier.channels.mail_message import Envelope, mail
from pipeline.notifier.channels.pagerduty_event import EVENT_BYTES_MAX, trigger
from pipeline.notifier.channels.slack_message import message
from pipeline.notifier.channels.wording import quantity
from pipeline.notifier.message import Notification
from schemas.structs import Alert, AlertSample
from tests.notifier.notices import AT_MS, alert, notification
from tests.notifier.published import check

PIECES = st.sampled_from(
    ["<", ">", "&", "&amp", "```", "*", "\r\n", "\x00", "\u202e", "<!here>", "</td>", "{{ 1 }}", "%s", "é", "🔥", " "]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=40).map("".join), PIECES.map(lambda one: one * 3_001))
EVENTS = st.builds(
    AlertSample, event_id=TEXTS, timestamp_ms=st.integers(0, AT_MS), request_id=TEXTS | st.none(), message=TEXTS
)
VALUES = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    """Return an alert with texts of all kinds in every place that a user or an event fills."""
    return alert(
        severity=draw(st.sampled_from(["info", "warning", "error", "critical"])),
        state=draw(st.sampled_from(["pending", "firing", "recovering", "resolved"])),
        resolved_ms=draw(st.none() | st.integers(AT_MS, AT_MS * 2)),
        unit=draw(st.sampled_from(["ratio", "ms", "s", "per_minute", "per_second", "count", "factor", "bytes"])),
        value=draw(VALUES),
        threshold=draw(VALUES),
        completeness=draw(st.none() | st.floats(0, 1)),
        sample_events=draw(st.lists(EVENTS, max_size=3)),
        runbook=draw(st.none() | TEXTS | TEXTS.map(lambda one: f"https://{one}")),
        bound=draw(VALUES),
        labels=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
        **{name: draw(TEXTS) for name in ("summary", "rule", "series", "environment", "service", "sql", "window")},
    )


NOTICES = st.builds(
    notification,
    alerts=st.lists(alerts(), max_size=3).map(tuple),
    kind=st.sampled_from(["firing", "resolved", "repeat", "acknowledged", "test", "custom"]),
    severity=st.sampled_from(["info", "warning", "error", "critical"]),
    **dict.fromkeys(("title", "text", "group", "key"), TEXTS),
    omitted=st.integers(0, 10**6),
    previous=st.none() | TEXTS,
)


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def mrkdwn(found: Any) -> list[str]:
    if isinstance(found, dict):
        own = [found["text"]] if found.get("type") == "mrkdwn" else []
        return own + [text for value in found.values() for text in mrkdwn(value)]
    return [text for value in found for text in mrkdwn(value)] if isinstance(found, list) else []


@settings(max_examples=30)
@given(NOTICES)
def test_slack_takes_it(notice: Notification) -> None:
    made = message(notice, link_to="https://example.com/")
    check("slack_message", msgspec.json.encode(made))
    for text in [made["text"], *mrkdwn(made)]:
        assert "<!" not in text
        assert "</td>" not in text
        assert text.count("```") in (0, 2)


@settings(max_examples=30)
@given(NOTICES)
def test_pagerduty_takes_it(notice: Notification) -> None:
    event = trigger(notice, "e" * 32)
    if notice.group:
        check("pagerduty_event", event)
    assert len(event) <= EVENT_BYTES_MAX
    assert json.loads(event)["payload"]["summary"].isprintable()


@settings(max_examples=30)
@given(NOTICES)
def test_it_is_a_mail_of_ours_and_no_other(notice: Notification) -> None:
    raw = bytes(mail(notice, Envelope("a@example.com", ("b@example.com",)), AT_MS))
    read = message_from_bytes(raw, policy=policy.default)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert set(read.keys()) <= {
        *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
        *("X-Auto-Response-Suppress", "Importance", "Idempotency-Key", "Pipeline-Group", "Pipeline-Severity"),
        *("MIME-Version", "Content-Type"),
    }
    assert [part.get_content_type() for part in read.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    html = str(read.get_payload(1).get_content())  # type: ignore[union-attr] # a message of two parts
    assert Tags(html).found <= {
        *("html", "head", "meta", "title", "style", "body", "table", "tr", "td", "div", "span", "br", "a"),
    }


@given(VALUES, st.sampled_from(["ratio", "ms", "s", "per_minute", "per_second", "count", "factor", "bytes", ""]))
def test_every_quantity_is_one_line(value: float | None, unit: str) -> None:
    text = quantity(value, unit)
    assert text == text.strip() != ""
    assert text.isprintable()
