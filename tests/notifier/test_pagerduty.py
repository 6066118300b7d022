"""PagerDuty's events, and a server that answers as PagerDuty does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime

import jsonschema  # type: ignore[import-untyped] # its stubs are a package of their own
import pytest

from pipeline.notifier.channels.config import PagerDutyConfig
from pipeline.notifier.channels.pagerduty import PagerDutyChannel
from pipeline.notifier.channels.pagerduty_event import EVENT_BYTES_MAX, trigger
from pipeline.notifier.message import Notification, Refused
from tests.notifier.notices import AT_MS, alert, huge, nasty, notification, resolved
from tests.notifier.published import check
from tests.notifier.receiver import Receiver, answers

KEY = "e93facc04764012d7bfb002500d5d1a6"
ACCEPTED = answers(202, '{"status":"success","message":"Event processed","dedup_key":"g"}')
NOTICES = [
    notification(),
    nasty(),
    huge(),
    notification(alerts=(), kind="test", severity="info", title="a test"),
    notification(alerts=(), kind="custom", text="maintenance " * 100_000),
]


@pytest.fixture
async def pager(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PagerDutyChannel]:
    monkeypatch.setenv("PAGERDUTY_KEY", KEY)
    channel = PagerDutyChannel(
        PagerDutyConfig(name="page", routing_key_env="PAGERDUTY_KEY", url=f"{receiver.url}/v2/enqueue", timeout_s=3)
    )
    receiver.will(ACCEPTED)
    yield channel
    await channel.close()


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
def test_every_event_keeps_to_the_published_schema_and_size(notice: Notification) -> None:
    event = trigger(notice, KEY, "https://grafana.example.com/")
    check("pagerduty_event", event)
    assert len(event) <= EVENT_BYTES_MAX


def test_the_event_says_what_is_wrong() -> None:
    event = json.loads(trigger(notification(severity="warning"), KEY, "https://grafana.example.com/"))
    assert (event["event_action"], event["dedup_key"]) == ("trigger", "service=checkout,environment=prod")
    payload = event["payload"]
    assert payload["summary"] == "[WARNING] error rate of prod/checkout/pay is 7.31 % over 5m"
    assert (payload["severity"], payload["source"]) == ("warning", "prod/checkout/pay")
    assert (payload["component"], payload["group"], payload["class"]) == ("checkout", "prod", "error_rate")
    assert datetime.fromisoformat(payload["timestamp"]).timestamp() * 1_000 == AT_MS + 10_000
    (told,) = payload["custom_details"]["alerts"]
    assert (told["value"], told["threshold"], told["samples"]) == ("7.31 %", "> 5 %", "1,412")
    assert told["events"][1] == "2026-11-22 14:03:10 UTC req-00002 gateway answered 502"
    assert event["links"] == [
        {"href": "https://runbooks.example.com/checkout?from=alert&step=1", "text": "Runbook: error-rate"}
    ]
    assert event["client_url"] == "https://grafana.example.com/"


def test_what_does_not_fit_is_left_out_from_the_least_important_on() -> None:
    details = json.loads(trigger(huge(10), KEY))["payload"]["custom_details"]
    assert (len(details["alerts"]), details["omitted"]) == (10, 7)
    assert details["alerts"][9]["sql"]
    fewer = json.loads(trigger(huge(200), KEY))["payload"]["custom_details"]
    assert (len(fewer["alerts"]), fewer["omitted"]) == (100, 107)
    assert "sql" not in fewer["alerts"][0]
    long = tuple(alert(labels={}, series="ü" * 5_000, summary="ü" * 5_000, window="ü" * 5_000) for _ in range(100))
    least = json.loads(trigger(notification(alerts=long), KEY))["payload"]["custom_details"]
    assert 10 < len(least["alerts"]) < 100
    assert len(least["alerts"]) + least["omitted"] == 100


def test_the_schema_would_notice_a_breach() -> None:
    with pytest.raises(jsonschema.ValidationError, match="is too short"):
        check("pagerduty_event", trigger(notification(), "short"))


async def test_an_incident_is_opened_acknowledged_and_resolved_under_one_name(
    receiver: Receiver, pager: PagerDutyChannel
) -> None:
    assert await pager.send(notification()) == "service=checkout,environment=prod"
    await pager.send(notification(kind="repeat"))
    await pager.send(notification(kind="acknowledged", text="ann looks after it"))
    await pager.send(resolved())
    events = [json.loads(one.body) for one in receiver.received]
    for one in receiver.received:
        check("pagerduty_event", one.body)
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in events} == {"service=checkout,environment=prod"}
    assert {event["routing_key"] for event in events} == {KEY}


async def test_a_long_group_keeps_its_name_too(receiver: Receiver, pager: PagerDutyChannel) -> None:
    long = "service=" + "x" * 500
    await pager.send(notification(group=long))
    await pager.send(resolved(group=long))
    opened, ended = (json.loads(one.body)["dedup_key"] for one in receiver.received)
    assert opened == ended
    assert len(opened) <= 255
    await pager.send(notification(group=long + "y"))
    assert json.loads(receiver.received[-1].body)["dedup_key"] != opened


async def test_a_refusal_says_what_pagerduty_answered(receiver: Receiver, pager: PagerDutyChannel) -> None:
    receiver.will(
        answers(400, '{"status":"invalid event","message":"Event object is invalid"}'), answers(429, "slow down")
    )
    with pytest.raises(Refused, match=r"answered 400: .*Event object is invalid") as refused:
        await pager.send(notification())
    assert refused.value.permanent
    with pytest.raises(Refused) as later:
        await pager.send(notification())
    assert not later.value.permanent


async def test_a_heartbeat_pages_nobody(receiver: Receiver, pager: PagerDutyChannel) -> None:
    with pytest.raises(Refused, match="send heartbeats to a webhook") as refused:
        await pager.send(notification(kind="heartbeat", alerts=()))
    assert refused.value.permanent
    assert receiver.received == []


def test_an_alert_over_everything_names_its_environment() -> None:
    event = json.loads(trigger(notification(alerts=(alert(service="", operation="", series="prod"),)), KEY))
    assert (event["payload"]["source"], event["payload"]["component"]) == ("prod", "all services")
