"""A script as YAML: rules, traffic, expected transitions; or every mistake in it, each with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline import rules_values as values
from pipeline.core.alert_state import Phase
from pipeline.core.rules import DAY_MS, ErrorSeverity, Rule
from pipeline.core.series import Series
from pipeline.core.window_config import KeptWindows
from pipeline.errors import FatalError
from pipeline.rehearsal.script import Expected, Outcome, Script, Traffic
from pipeline.rules_file import DEFAULTS, PRESET, load_rules, read_rules
from pipeline.rules_thresholds import share
from pipeline.rules_words import Problem, describe
from pipeline.settings import Settings, window_ms
from pipeline.yaml_file import YamlFileError, parse_yaml
from pipeline.yaml_mapping import YamlMapping

WHAT = "test of rules"
_KEYS = ("rules", "windows", "events", "expect", "only", "until")
_EVENT_KEYS = (
    *("at", "from", "every", "for", "calls", "environment", "service", "operation", "duration", "failed"),
    *("cancelled", "outcome", "error"),
)
_EXPECT_KEYS = ("at", "within", "rule", "series", "state", "severity", "notify")
_PHASES = values.one_of("pending", "firing", "recovering", "resolved", "inactive")
_EXAMPLE = "{from: 0s, every: 1s, for: 5m, service: checkout, operation: pay, failed: 3%}"
_PART = r"\d+(?:\.\d+)?(?:ms|s|m|h)"
_PARTS, _MOMENT = re.compile(_PART), re.compile(rf"(?:{_PART})+")
_MOST_EVENTS = 5_000_000
_Value = TypeVar("_Value")


def load_script(path: Path, settings: Settings) -> Script:
    """Return the script in a file. Raises YamlFileError with all its mistakes, FatalError if it can't be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"{path} can't be read ({error}): give a YAML file with rules, events and expect") from error
    return parse_script(text, path, settings)


def parse_script(text: str, path: Path, settings: Settings) -> Script:
    """Return the script in YAML text; `path` is for messages, and rules files are looked up beside it."""
    document = parse_yaml(text, str(path), WHAT)
    if not isinstance(document, CommentedMap):
        raise YamlFileError(
            str(path), [Problem(1, f"found {describe(document)}; allowed: a mapping of {', '.join(_KEYS)}")], WHAT
        )
    problems: list[Problem] = []
    keys = YamlMapping(document, 1, problems)
    keys.only(_KEYS, "test key")
    short = keys.take("windows", lambda value: _windows(value, settings), settings.windows)
    windows = KeptWindows(short, (name for name in settings.long_windows if name not in short))
    rules = _rules(keys, windows, path)
    traffic = tuple(_traffic(one) for one in _mappings(keys, "events", _EXAMPLE))
    expected = tuple(
        _expected(one, rules, settings)
        for one in _mappings(keys, "expect", "{at: 3m, rule: error-rate, state: firing}")
    )
    _refuse_too_much(keys, traffic)
    last_ms = max([one.end_ms for one in traffic] + [one.at_ms + one.within_ms for one in expected], default=0)
    until_ms = keys.take("until", moment_ms, max(last_ms, settings.pane_seconds * 1000))
    only = keys.take("only", values.flag, default=False)
    if problems:
        raise YamlFileError(str(path), problems, WHAT)
    return Script(
        file=str(path),
        rules=tuple(rules),
        windows=windows,
        traffic=traffic,
        expected=expected,
        only=only,
        until_ms=until_ms,
    )


def _windows(value: object, settings: Settings) -> tuple[str, ...]:
    allowed = f"a list of windows such as [1m, 5m, 1h], each of whole panes of {settings.pane_seconds}s"
    if not isinstance(value, list) or not value:
        raise ValueError(allowed)
    try:
        whole = all(window_ms(str(one)) % (settings.pane_seconds * 1000) == 0 for one in value)
    except ValueError as error:
        raise ValueError(allowed) from error
    if not whole:
        raise ValueError(allowed)
    return tuple(str(one) for one in value)


def _rules(keys: YamlMapping, windows: Sequence[str], path: Path) -> list[Rule]:
    found = keys.mapping.get("rules")
    if isinstance(found, CommentedSeq):
        rules, wrong = read_rules(found, windows)
        keys.problems += wrong
        return rules
    if found == DEFAULTS:
        return load_rules(None, windows)
    if isinstance(found, str) and found:
        return load_rules(Path(found) if found.startswith(PRESET) else path.parent / found, windows)
    keys.problem(
        "rules", f"rules: found {describe(found)}; allowed: a list of rules, a file, {PRESET}NAME or {DEFAULTS}"
    )
    return []


def _mappings(keys: YamlMapping, key: str, example: str) -> Iterator[YamlMapping]:
    items = keys.mapping.get(key)
    if not isinstance(items, CommentedSeq):
        keys.problem(key, f"{key}: found {describe(items)}; allowed: a list, of which one is {example}")
        return
    for number, item in enumerate(items):
        line = items.lc.item(number)[0] + 1
        if isinstance(item, CommentedMap):
            yield YamlMapping(item, line, keys.problems)
        else:
            keys.problems.append(Problem(line, f"{key}: found {describe(item)}; allowed: for example {example}"))


def _traffic(keys: YamlMapping) -> Traffic:
    keys.only(_EVENT_KEYS, "event key")
    from_ms = keys.take("from", moment_ms, 0)
    every_ms, for_ms = keys.take("every", _length_ms, 1_000), 1
    if "at" in keys:
        from_ms = keys.take("at", moment_ms, 0)
        for key in ("from", "every", "for"):
            if key in keys:
                keys.problem(key, f"at and {key} exclude each other: at is one instant")
    else:
        for_ms = _needed(keys, "for", _length_ms, 1, "5m")
    error = keys.take("error", values.one_of("warning", "error", "critical"), "")
    for key in ("duration", "failed", "cancelled", "outcome"):
        if error and key in keys:
            keys.problem(key, f"error and {key} exclude each other: an error event has no {key}")
    failed, cancelled = keys.take("failed", _share, Fraction(0)), keys.take("cancelled", _share, Fraction(0))
    return Traffic(
        series=_series(keys, of_error="error" in keys),
        from_ms=from_ms,
        every_ms=every_ms,
        end_ms=from_ms + for_ms,
        calls=keys.take("calls", values.samples, 1),
        duration_us=keys.take("duration", values.latency_us, 10_000),
        failed=failed,
        cancelled=cancelled,
        outcome=cast(Outcome, keys.take("outcome", values.one_of("error", "client_error", "timeout"), "error")),
        error=cast(ErrorSeverity, error) if error else None,
    )


def _series(keys: YamlMapping, *, of_error: bool) -> Series:
    environment = keys.take("environment", _name, "prod")
    service = _needed(keys, "service", _name, "", "checkout")
    if of_error:
        return Series(environment, service, keys.take("operation", _name, ""))
    return Series(environment, service, _needed(keys, "operation", _name, "", "pay"))


def _needed(keys: YamlMapping, key: str, read: Callable[[object], _Value], default: _Value, example: str) -> _Value:
    keys.need(key, example)
    return keys.take(key, read, default)


def _name(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("a name")


def moment_ms(value: object) -> int:
    """Read a time from the start on, as milliseconds: 90s, 6m20s, 1h0m50s, 51.8s; 0 needs no unit."""
    parts = _PARTS.findall(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else None
    if parts:
        return sum(values.duration_ms(part) for part in parts)
    if value == 0 and not isinstance(value, bool):
        return 0
    raise ValueError("a time such as 0s, 90s, 6m20s or 1h")


def _length_ms(value: object) -> int:
    length_ms = moment_ms(value)
    if length_ms == 0:
        raise ValueError("longer than 0, such as 1s or 5m")
    return length_ms


def _share(value: object) -> Fraction:
    return Fraction(repr(share(value, 3)))


def _expected(keys: YamlMapping, rules: Sequence[Rule], settings: Settings) -> Expected:
    keys.only(_EXPECT_KEYS, "expect key")
    rule = _needed(keys, "rule", _name, "", "error-rate")
    named = [one for one in rules if one.name == rule]
    if rules and rule and not named:
        keys.problem("rule", f"rule: found {describe(rule)}; allowed: {', '.join(one.name for one in rules)}")
    within_ms = keys.take("within", moment_ms, 0)
    at_ms, pane_ms = _needed(keys, "at", moment_ms, 0, "3m"), settings.pane_seconds * 1000
    if at_ms % pane_ms and not within_ms and named and named[0].type != "critical_error":
        keys.problem(
            "at",
            f"at: found {describe(keys.mapping['at'])}; allowed: the end of a step, which are {pane_ms // 1000}s long, "
            f"or any time with within: {pane_ms // 1000}s",
        )
    severity = keys.take("severity", values.severity, None)
    return Expected(
        line=keys.line,
        at_ms=at_ms,
        rule=rule,
        series=_needed(keys, "series", _name, "", "prod/checkout/pay"),
        state=cast(Phase, _needed(keys, "state", _PHASES, "firing", "firing")),
        severity=severity,
        notify=keys.take("notify", values.flag, None),
        within_ms=within_ms,
    )


def _refuse_too_much(keys: YamlMapping, traffic: Sequence[Traffic]) -> None:
    """Note a script that would take minutes or all of the memory."""
    if max((one.end_ms for one in traffic), default=0) > DAY_MS:
        keys.problem("events", "events: more than a day; allowed: at most 24h")
    events = sum(-(-(one.end_ms - one.from_ms) // one.every_ms) * one.calls for one in traffic)
    if events > _MOST_EVENTS:
        keys.problem("events", f"events: {events:,} of them; allowed: at most {_MOST_EVENTS:,}")
