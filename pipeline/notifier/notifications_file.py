"""The notifications file: YAML in, the plan and the channels out; or every mistake in it, each with its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml.comments import CommentedMap

from pipeline.core.notices.maintenance import DAYS, MaintenanceWindow
from pipeline.core.notices.plan import DEFAULT_GROUP_BY, DEFAULT_INHIBITIONS, HOUR_MS, Inhibition, Plan, Route
from pipeline.core.notices.self_watch import WatchLimits
from pipeline.errors import FatalError
from pipeline.notifier.channels.config import ChannelConfig
from pipeline.notifier.channels_section import read_channel
from pipeline.notifier.self_section import Heartbeat, read_heartbeat, read_watch
from pipeline.notifier.yaml_fields import Fields, words
from pipeline.rules_values import duration_ms, flag, long_duration_ms, rule_name
from pipeline.rules_words import Problem, describe
from pipeline.yaml_file import YamlFileError, parse_yaml

WHAT = "notifications file"
_SECTIONS = ("channels", "routes", "inhibit", "maintenance", "old_after", "heartbeat", "watch")
_ROUTE = (
    *("name", "match", "channels", "continue", "group_by"),
    *("group_wait", "critical_wait", "group_interval", "repeat_interval"),
)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_EXAMPLE = "a notifications file has `channels:` with a list under it, of which each has name and type"


@dataclass(frozen=True, slots=True)
class Notifications:
    """What the file says: who is told of what, and the channels in the order of the file."""

    plan: Plan
    channels: tuple[ChannelConfig, ...]
    heartbeat: Heartbeat | None = None
    watch: WatchLimits | None = None  # None: nobody watches the pipeline itself


def load_notifications(path: Path) -> Notifications:
    """Return what a file says. Raises YamlFileError with all mistakes, FatalError if it can't be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"notifications file {path} can't be read ({error})") from error
    return parse_notifications(text, str(path))


def parse_notifications(text: str, file: str) -> Notifications:
    """Return what YAML text says; `file` is for messages. Raises YamlFileError."""
    document = parse_yaml(text, file, WHAT)
    if not isinstance(document, CommentedMap):
        raise YamlFileError(file, [Problem(1, f"found {describe(document)}; {_EXAMPLE}")], WHAT)
    problems: list[Problem] = []
    top = Fields(document, 1, problems)
    top.only(_SECTIONS)
    top.need("channels", "[{name: chat, type: slack, url_env: SLACK_URL}]")
    listed = _named(top, "channels", "a mapping with name and type")
    channels = tuple(entry for entry in map(read_channel, listed) if entry is not None)
    heartbeat = read_heartbeat(top, channels)
    plan = Plan(
        routes=_routes(top, [str(fields.mapping.get("name")) for fields in listed], heartbeat),
        inhibitions=_inhibitions(top),
        windows=tuple(_window(fields) for fields in _named(top, "maintenance", "a mapping with name, from, to, zone")),
        old_after_ms=top.take("old_after", long_duration_ms, HOUR_MS),
    )
    watch = read_watch(top)
    if problems:
        raise YamlFileError(file, problems, WHAT)
    return Notifications(plan, channels, heartbeat, watch)


def _named(top: Fields, section: str, example: str) -> list[Fields]:
    """Return the mappings of a section; a name that is there twice is a mistake."""
    lines: dict[object, int] = {}
    found = top.each(section, example)
    for fields in found:
        name = fields.mapping.get("name")
        if name is not None and lines.setdefault(name, fields.line) != fields.line:
            fields.problem("name", f"name {name!r} is taken in line {lines[name]}")
    return found


def _routes(top: Fields, channels: Sequence[str], heartbeat: Heartbeat | None) -> tuple[Route, ...]:
    """Return the routes; without any, everything goes to every channel but that of the heartbeat."""
    if "routes" not in top:
        told = tuple(name for name in channels if heartbeat is None or name != heartbeat.channel)
        return (Route(name="everything", channels=told),)
    return tuple(
        _route(fields, channels) for fields in _named(top, "routes", "a mapping with name, channels and match")
    )


def _route(fields: Fields, channels: Sequence[str]) -> Route:
    fields.only(_ROUTE)
    fields.need("name", "pages")
    fields.need("channels", f"[{', '.join(channels[:2])}]")

    def known(value: object) -> tuple[str, ...]:
        found = words(value)
        if not found or any(one not in channels for one in found):
            raise ValueError(f"names of channels of this file: {', '.join(channels)}")
        return found

    default = Route(name="", channels=())
    return Route(
        name=fields.take("name", rule_name, ""),
        channels=fields.take("channels", known, ()),
        matchers=fields.matchers("match"),
        goes_on=fields.take("continue", flag, default=False),
        group_by=fields.take("group_by", words, DEFAULT_GROUP_BY),
        wait_ms=fields.take("group_wait", duration_ms, default.wait_ms),
        critical_wait_ms=fields.take("critical_wait", duration_ms, default.critical_wait_ms),
        interval_ms=fields.take("group_interval", duration_ms, default.interval_ms),
        repeat_ms=fields.take("repeat_interval", duration_ms, default.repeat_ms),
    )


def _inhibitions(top: Fields) -> tuple[Inhibition, ...]:
    """Return the inhibitions; without that section critical alerts hide milder ones, and short windows long ones."""
    if "inhibit" not in top:
        return DEFAULT_INHIBITIONS
    found = []
    for fields in _named(top, "inhibit", "a mapping with name, when and hides"):
        fields.only(("name", "when", "hides", "equal", "longer_windows"))
        for key, example in (
            ("name", "down-hides-rest"),
            ("when", "{severity: critical}"),
            ("hides", "{severity: info}"),
        ):
            fields.need(key, example)
        found.append(
            Inhibition(
                name=fields.take("name", rule_name, ""),
                when=fields.matchers("when"),
                hides=fields.matchers("hides"),
                equal=fields.take("equal", words, ("series",)),
                longer_windows=fields.take("longer_windows", flag, default=False),
            )
        )
    return tuple(found)


def _window(fields: Fields) -> MaintenanceWindow:
    fields.only(("name", "days", "from", "to", "zone", "match"))
    for key, example in (("name", "backup"), ("from", '"02:00"'), ("to", '"04:00"'), ("zone", "Europe/Berlin")):
        fields.need(key, example)
    return MaintenanceWindow(
        name=fields.take("name", rule_name, ""),
        from_minute=fields.take("from", _minute, 0),
        to_minute=fields.take("to", _minute, 0),
        zone=fields.take("zone", _zone, "UTC"),
        days=fields.take("days", _days, ()),
        matchers=fields.matchers("match"),
    )


def _minute(value: object) -> int:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('a time of day such as "02:00"')
    return int(found[1]) * 60 + int(found[2])


def _zone(value: object) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone of the IANA database, such as Europe/Berlin or UTC") from None


def _days(value: object) -> tuple[int, ...]:
    found = words(value)
    if not found or any(day not in DAYS for day in found):
        raise ValueError(f"weekdays: {', '.join(DAYS)}")
    return tuple(DAYS.index(day) for day in found)
