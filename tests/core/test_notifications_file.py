"""The notifications file: what it says becomes the plan, and every mistake has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.notices.maintenance import MaintenanceWindow
from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.plan import DEFAULT_INHIBITIONS, Inhibition, Route
from pipeline.core.notices.self_watch import WatchLimits
from pipeline.errors import FatalError
from pipeline.notifier.channels.config import SlackConfig, WebhookConfig
from pipeline.notifier.notifications_file import Notifications, load_notifications, parse_notifications
from pipeline.notifier.self_section import Heartbeat
from pipeline.yaml_file import YamlFileError

WHOLE = """\
channels:
  - name: chat
    type: slack
    url_env: CHAT_URL
  - name: hook
    type: webhook
    url: https://example.org/hook
    secret_file: /run/secrets/hook
    timeout_s: 2.5
    attempts: 3
    per_minute: 5
routes:
  - name: pages
    match: {severity: critical, service: [pay, "check*"]}
    channels: hook
    continue: true
    group_by: [service]
    group_wait: 20s
    critical_wait: 0
    group_interval: 2m
    repeat_interval: 1h
  - name: rest
    channels: [chat, hook]
inhibit:
  - name: down-hides-rest
    when: {rule: system-down}
    hides: {severity: [info, warning]}
    equal: [environment, service]
maintenance:
  - name: backup
    days: [sat, sun]
    from: "02:00"
    to: 04:30
    zone: Europe/Berlin
    match: {service: db}
old_after: 30m
"""


def read(text: str = WHOLE) -> Notifications:
    return parse_notifications(text, "n.yaml")


def mistakes(text: str) -> list[str]:
    with pytest.raises(YamlFileError) as error:
        read(text)
    return str(error.value).splitlines()


def test_everything_in_the_file_is_in_the_plan() -> None:
    plan = read().plan
    assert plan.routes == (
        Route(
            name="pages",
            channels=("hook",),
            matchers=(Matcher("severity", ("critical",)), Matcher("service", ("pay", "check*"))),
            goes_on=True,
            group_by=("service",),
            wait_ms=20_000,
            critical_wait_ms=0,
            interval_ms=120_000,
            repeat_ms=3_600_000,
        ),
        Route(name="rest", channels=("chat", "hook")),
    )
    assert plan.inhibitions == (
        Inhibition(
            name="down-hides-rest",
            when=(Matcher("rule", ("system-down",)),),
            hides=(Matcher("severity", ("info", "warning")),),
            equal=("environment", "service"),
        ),
    )
    assert plan.windows == (
        MaintenanceWindow(
            name="backup",
            from_minute=120,
            to_minute=270,
            zone="Europe/Berlin",
            days=(5, 6),
            matchers=(Matcher("service", ("db",)),),
        ),
    )
    assert plan.old_after_ms == 1_800_000


def test_the_channels_are_made_from_what_the_file_says() -> None:
    assert read().channels == (
        SlackConfig(name="chat", url_env="CHAT_URL"),
        WebhookConfig(
            name="hook",
            url="https://example.org/hook",
            secret_file="/run/secrets/hook",
            timeout_s=2.5,
            attempts=3,
            per_minute=5,
        ),
    )


def test_without_routes_everything_goes_to_every_channel_and_critical_hides_milder() -> None:
    plan = read("channels:\n  - {name: a, type: slack, url_env: A}\n  - {name: b, type: slack, url_env: B}\n").plan
    assert plan.routes == (Route(name="everything", channels=("a", "b")),)
    assert plan.inhibitions == DEFAULT_INHIBITIONS


def test_an_empty_list_of_inhibitions_hides_nothing() -> None:
    assert read("channels: [{name: a, type: slack, url_env: A}]\ninhibit: []\n").plan.inhibitions == ()


def test_a_secret_in_the_file_is_refused_and_not_shown() -> None:
    text = "channels:\n  - name: chat\n    type: slack\n    url: https://hooks.example/T0/secret\n"
    found = mistakes(text)
    assert found[0].startswith("n.yaml:4: url is a secret, and secrets are not written into this file: name the env")
    assert "T0/secret" not in "\n".join(found)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("type: slack", "type: slak", "n.yaml:3: type 'slak' is unknown; did you mean slack? allowed: slack, email"),
        ("    url_env: CHAT_URL\n", "", "n.yaml:2: found neither of token and url; allowed: one"),
        ("timeout_s: 2.5", "timeout_s: 2s", "n.yaml:9: timeout_s: found '2s'; Expected `float`, got `str`"),
        ("attempts: 3", "attempts: 0", "n.yaml:10: attempts: found 0; allowed: 1 or more"),
        ("per_minute: 5", "per_minutes: 5", "n.yaml:11: key 'per_minutes' is unknown; did you mean per_minute?"),
        ("channels: hook", "channels: pager", "n.yaml:15: channels: found 'pager'; allowed: names of channels of this"),
        ("continue: true", "continue: perhaps", "n.yaml:16: continue: found 'perhaps'; allowed: true or false"),
        ("name: rest", "name: pages", "n.yaml:22: name 'pages' is taken in line 13"),
        ("name: hook\n", "name: chat\n", "n.yaml:5: name 'chat' is taken in line 2"),
        ("days: [sat, sun]", "days: [saturday]", "n.yaml:31: days: found a list; allowed: weekdays: mon, tue"),
        ('from: "02:00"', "from: 2 am", "n.yaml:32: from: found '2 am'; allowed: a time of day such as"),
        ("Europe/Berlin", "Berlin", "n.yaml:34: zone: found 'Berlin'; allowed: a time zone of the IANA database"),
        ("{rule: system-down}", "system-down", "n.yaml:26: when: found 'system-down'; allowed: a mapping such as"),
        ("maintenance:", "maintenence:", "n.yaml:29: key 'maintenence' is unknown; did you mean maintenance?"),
        ("old_after: 30m", "old_after: never", "n.yaml:36: old_after: found 'never'; allowed: a duration"),
        ("    when: {rule: system-down}\n", "", "n.yaml:25: when is missing; for example when: {severity: critical}"),
    ],
)
def test_every_mistake_has_its_line_and_says_what_is_allowed(old: str, new: str, expected: str) -> None:
    assert old in WHOLE
    found = mistakes(WHOLE.replace(old, new, 1))
    assert any(line.startswith(expected) for line in found), "\n".join(found)


def test_all_mistakes_are_said_at_once() -> None:
    text = WHOLE.replace("type: slack", "type: slak").replace("old_after: 30m", "old_after: never")
    assert mistakes(text)[-1] == "2 mistakes in the notifications file"


def test_what_is_no_yaml_and_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    assert mistakes("channels: [")[0].startswith("n.yaml:1: not valid YAML: ")
    assert mistakes("- a\n")[0].startswith("n.yaml:1: found a list; a notifications file has `channels:`")
    with pytest.raises(FatalError, match="can't be read"):
        load_notifications(tmp_path / "none.yaml")


PLAIN = "channels: [{name: a, type: slack, url_env: A}, {name: b, type: webhook, url: 'https://x.example'}]\n"
PAGER = "channels: [{name: a, type: slack, url_env: A}, {name: p, type: pagerduty, routing_key_env: P}]\n"


def test_the_heartbeat_has_a_channel_of_its_own_that_gets_no_alerts_by_default() -> None:
    found = read(PLAIN + "heartbeat: {channel: b, every: 30s}\n")
    assert found.heartbeat == Heartbeat(channel="b", every_ms=30_000)
    assert found.plan.routes == (Route(name="everything", channels=("a",)),)
    assert read(PLAIN + "heartbeat: {channel: b}\n").heartbeat == Heartbeat(channel="b", every_ms=60_000)
    assert read(PLAIN).heartbeat is None


def test_what_is_borne_of_the_pipeline_itself() -> None:
    assert read(PLAIN).watch == WatchLimits()
    assert read(PLAIN + "watch: false\n").watch is None
    assert read(PLAIN + "watch: {lag: 5, delay: 1m, dead_letters: 0, undelivered: 7}\n").watch == WatchLimits(
        lag=5, delay_ms=60_000, dead_letters=0, undelivered=7
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (PLAIN + "heartbeat: {channel: c}\n", "n.yaml:2: channel: found 'c'; allowed: one channel of this file: a, b"),
        (PAGER + "heartbeat: {channel: p}\n", "PagerDuty opens an incident for whatever it is sent"),
        (PLAIN + "heartbeat: {every: 1m}\n", "n.yaml:2: "),
        (PLAIN + "heartbeat: a\n", "allowed: a mapping such as {channel: dead-mans-switch, every: 1m}"),
        (PLAIN + "heartbeat: {channel: b, every: 1s}\n", "10s or more, such as 1m"),
        (PLAIN + "watch: {lags: 5}\n", "lags"),
        (PLAIN + "watch: 5\n", "allowed: a mapping such as {lag: 100000, delay: 5m}, or false"),
    ],
)
def test_a_mistake_about_the_pipeline_itself_has_its_line(text: str, mistake: str) -> None:
    (line,) = [one for one in mistakes(text) if "n.yaml" in one]
    assert mistake in line
