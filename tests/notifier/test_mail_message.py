"""What a mail says, and what it can not be made to say."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from pipeline.notifier.channels.mail_message import COLOURS, OVER_COLOUR, Envelope, mail, subject
from pipeline.notifier.message import Notification
from tests.notifier.notices import AT_MS, NASTY, SQL, alert, huge, nasty, notification, over, resolved

ENVELOPE = Envelope("Pipeline <alerts@example.com>", ("a@example.com", "On call <b@example.com>"))
VOID = {"meta", "br", "img", "link", "hr"}


def sent(notice: Notification, envelope: Envelope = ENVELOPE) -> EmailMessage:
    """Return the mail as whoever receives it reads it."""
    read = message_from_bytes(bytes(mail(notice, envelope, AT_MS)), policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


class Reader(HTMLParser):
    """The elements of a page, with a check that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_subject_has_severity_and_series_on_one_line() -> None:
    assert subject(notification()) == "[CRITICAL] error rate of prod/checkout/pay is 7.31 % over 5m"
    assert subject(resolved()) == "[RESOLVED] error rate of prod/checkout/pay is 7.31 % over 5m"
    assert subject(notification(kind="repeat")).startswith("[STILL CRITICAL] ")
    assert subject(notification(title="checkout")) == "[CRITICAL] checkout (prod/checkout/pay)"
    many = notification(title="checkout", alerts=(alert(), alert(series="b")), omitted=3)
    assert subject(many) == "[CRITICAL] checkout (prod/checkout/pay and 4 more)"
    assert len(subject(notification(title="x" * 1_000))) == 200


@pytest.mark.parametrize(
    "notice", [nasty(), notification(title="a\r\nBcc: x@example.com\r\n\r\nbody")], ids=["nasty", "crlf"]
)
def test_no_header_can_be_smuggled_in(notice: Notification) -> None:
    read = sent(notice)
    assert read["Bcc"] is None
    assert sorted(set(read.keys())) == sorted(read.keys())
    assert "\n" not in read["Subject"]
    assert read["Subject"].isprintable()
    assert [address.addr_spec for address in read["To"].addresses] == ["a@example.com", "b@example.com"]


def test_it_says_that_it_comes_from_a_program() -> None:
    read = sent(notification())
    assert (read["Auto-Submitted"], read["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert (read["Importance"], sent(resolved())["Importance"]) == ("high", "normal")
    assert (read["Idempotency-Key"], read["Pipeline-Severity"]) == ("g1-0001-ops", "critical")
    assert read["Date"].datetime.timestamp() * 1_000 == AT_MS


def test_a_group_is_one_thread() -> None:
    first = sent(notification())
    second = sent(notification(key="g1-0002-ops", previous=first["Message-ID"]))
    last = sent(resolved(previous=second["Message-ID"]))
    other = sent(notification(group="service=search"))
    assert second["In-Reply-To"] == first["Message-ID"]
    assert last["In-Reply-To"] == second["Message-ID"]
    root = first["References"]
    assert first["In-Reply-To"] == root
    assert [one["References"].split()[0] for one in (second, last)] == [root, root]
    assert other["References"] != root
    assert len({one["Message-ID"] for one in (first, second, last)}) == 3
    assert sent(notification())["Message-ID"] == first["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", first["Message-ID"])


def test_a_reference_of_another_channel_makes_no_header() -> None:
    read = sent(notification(previous="C0123:1.2"))
    assert read["In-Reply-To"] == read["References"]


def test_both_forms_say_everything() -> None:
    read = sent(
        notification(alerts=(alert(), over()), omitted=2, text="Look & see"),
        Envelope("a@b.example", ("c@d.example",), link="https://grafana.example.com/?a=1&b=2"),
    )
    assert read.get_content_type() == "multipart/alternative"
    plain, page = part(read, "plain"), Reader(part(read, "html"))
    for text in (plain, "\n".join(page.texts)):
        for fact in (
            "7.31 %",
            "> 5 %",
            "1,412",
            "93.7 %, decided early",
            "prod/checkout/pay",
            "team=payments",
            "Look & see",
            SQL,
        ):
            assert fact in text
        assert "req-00002 gateway answered 502" in text
        assert "over at 2026-11-22 14:09:20 UTC after 6m 10s" in text
        assert "and 2 more alerts" in text
        assert "pipeline explain 4f1c2a9be07d3c58" in text
    assert "https://runbooks.example.com/checkout?from=alert&step=1" in plain
    html = part(read, "html")
    assert 'href="https://runbooks.example.com/checkout?from=alert&amp;step=1"' in html
    assert 'href="https://grafana.example.com/?a=1&amp;b=2"' in html
    assert page.tags.count("table") == 4


def test_nothing_in_an_alert_becomes_markup() -> None:
    html = part(sent(nasty()), "html")
    page = Reader(html)
    assert "script" not in page.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert page.tags.count("a") == 0  # the runbook was no address of the web
    assert all(character.isprintable() or character in "\r\n\t" for character in html)
    assert NASTY not in part(sent(nasty()), "plain")


def test_the_colour_is_the_severity_and_green_when_it_is_over() -> None:
    for severity, colour in COLOURS.items():
        assert f"background:{colour}" in part(sent(notification(severity=severity, alerts=())), "html")
    assert OVER_COLOUR in part(sent(resolved()), "html")


def test_styles_stand_in_the_elements_and_know_of_the_dark() -> None:
    html = part(sent(notification()), "html")
    assert "prefers-color-scheme: dark" in html
    body = html.split("</head>")[1]
    assert "<style" not in body
    assert body.count("style=") > 20
    assert "http://" not in body  # nothing is loaded, so nothing tells who read it
    assert "src=" not in body


def test_a_mail_of_many_alerts_is_one_that_servers_take() -> None:
    raw = bytes(mail(huge(50), ENVELOPE, AT_MS))
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()
    assert len(raw) < 5_000_000


def test_names_that_are_not_ascii_pass() -> None:
    envelope = Envelope("Läufer <alerts@example.com>", ("Zoë <z@example.com>",), reply_to="Team <t@example.com>")
    read = sent(notification(title="Grüße ☃"), envelope)
    assert (read["From"], read["To"], read["Reply-To"]) == (
        "Läufer <alerts@example.com>",
        "Zoë <z@example.com>",
        "Team <t@example.com>",
    )
    assert read["Subject"] == "[CRITICAL] Grüße ☃ (prod/checkout/pay)"
