"""One rule in a rules file: which keys each type takes, and what they become."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar, cast

from ruamel.yaml.comments import CommentedMap

from pipeline import rules_values as values
from pipeline.core.rules import (
    DEFAULT_COOLDOWN_MS,
    DEFAULT_HOLD_MS,
    DEFAULT_MIN_SAMPLES,
    Absence,
    Condition,
    CriticalError,
    ErrorRate,
    GroupBy,
    Match,
    ResponseTime,
    Rule,
    Severity,
    SlowOperations,
    SuccessRate,
    Threshold,
    rank,
)
from pipeline.settings import window_ms

_Value = TypeVar("_Value")

_ALWAYS = ("name", "type", "enabled", "match", "cooldown", "labels")
_MEASURED = (*_ALWAYS, "group_by", "severities", "window", "for", "min_samples", "on_time")
KEYS = {
    "error_rate": (*_MEASURED, "exclude_client_errors"),
    "success_rate": (*_MEASURED, "exclude_client_errors"),
    "response_time": (*_MEASURED, "statistic"),
    "slow_operations": (*_MEASURED, "slow_from"),
    "critical_error": (*_ALWAYS, "severity", "hold"),
    "absence": (*_ALWAYS, "group_by", "severities", "expect"),
}
"""What each type of rule takes."""

_THRESHOLDS: dict[str, Callable[[object], float]] = {
    "error_rate": values.error_ratio,
    "success_rate": values.success_ratio,
    "response_time": values.latency_us,
    "slow_operations": values.per_minute,
    "absence": values.silence_ms,
}
_EXAMPLES = {
    "error_rate": "{warning: 2%, critical: 5%}",
    "success_rate": "{warning: 95%, critical: 90%}",
    "response_time": "{warning: 1s, critical: 2s}",
    "slow_operations": "{warning: 3, critical: 10}",
    "absence": "{critical: 2m}",
}
_MATCH_KEYS = {
    "operation": ("environment", "service", "operation"),
    "service": ("environment", "service"),
    "overall": ("environment",),
}
_ELSEWHERE = {
    "system_down": "absence",
    "no_data": "absence",
    "latency": "response_time",
    "percentile": "statistic",
    "threshold": "severities",
    "thresholds": "severities",
    "pending": "for",
    "team": "labels",
    "disabled": "enabled",
}
"""Words that other systems use, and ours."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a rules file. Lines count from 1."""

    line: int
    text: str


def describe(value: object) -> str:
    """Return a value as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(str(value)) if isinstance(value, str) else str(value)


def likeliest(word: object, allowed: Iterable[str]) -> str | None:
    """Return which of the allowed words was meant, None if none is near."""
    allowed = list(allowed)
    near = difflib.get_close_matches(str(word), allowed, n=1)
    meant = near[0] if near else _ELSEWHERE.get(str(word), "")
    return meant if meant in allowed else None


def unknown_word(what: str, word: object, allowed: Iterable[str]) -> str:
    """Return the message for a word that is not among the allowed ones, with the likeliest of them."""
    allowed = list(allowed)
    meant = likeliest(word, allowed)
    hint = f"did you mean {meant}? " if meant else ""
    return f"{what} {describe(word)} is unknown; {hint}allowed: {', '.join(allowed)}"


def default_window(windows: Sequence[str]) -> str:
    """Return the window of rules that name none: 5m, or the longest that is shorter, or the shortest."""
    by_length = sorted(windows, key=window_ms)
    return next((name for name in reversed(by_length) if window_ms(name) <= window_ms("5m")), by_length[0])


def read_rule(fields: CommentedMap, line: int, windows: Sequence[str]) -> tuple[Rule | None, list[Problem]]:
    """Return the rule in a mapping of the file, None if there is any mistake in it, and all of its mistakes."""
    reader = _RuleReader(fields, line, windows)
    rule = reader.rule()
    return (None if reader.problems else rule), reader.problems


class _RuleReader:
    """Reads the keys of one rule and gathers what is wrong with them."""

    def __init__(self, fields: CommentedMap, line: int, windows: Sequence[str]) -> None:
        self.fields = fields
        self.line = line
        self.windows = windows
        self.problems: list[Problem] = []
        self.type = ""

    def problem(self, key: str, text: str, *, within: CommentedMap | None = None) -> None:
        """Note a mistake at a key of the rule, or of a mapping in it."""
        fields = self.fields if within is None else within
        line = fields.lc.key(key)[0] + 1 if key in fields else self.line
        self.problems.append(Problem(line, text))

    def take(self, key: str, read: Callable[[object], _Value], default: _Value) -> _Value:
        """Return what a key says, or the default where it is absent or wrong."""
        if key not in self.fields:
            return default
        try:
            return read(self.fields[key])
        except ValueError as error:
            self.problem(key, f"{key}: found {describe(self.fields[key])}; allowed: {error}")
            return default

    def rule(self) -> Rule | None:
        """Return the rule; what stands in it after a mistake means nothing."""
        self._need("name")
        name = self.take("name", values.rule_name, "")
        self.take("enabled", values.flag, default=True)
        if not self._known_type():
            return None
        self._refuse_other_keys()
        group_by = self._group_by()
        return Rule(
            name=name,
            condition=self._condition(group_by),
            thresholds=self._thresholds(),
            window=self._window(),
            group_by=group_by,
            match=self._match(group_by),
            for_ms=self.take("for", values.duration_ms, 0),
            cooldown_ms=self.take("cooldown", values.duration_ms, DEFAULT_COOLDOWN_MS),
            # A number of slow calls is what it is, however few calls there are; a rate of few calls says little.
            min_samples=self.take(
                "min_samples", values.samples, 1 if self.type == "slow_operations" else DEFAULT_MIN_SAMPLES
            ),
            on_time=self.take("on_time", values.flag, default=False),
            labels=self._labels(),
        )

    def _need(self, key: str, example: str = "") -> bool:
        """Note a key that is missing, unless a misspelt one, which is noted anyway, is likely to be it."""
        misspelt = any(likeliest(other, [key]) for other in self.fields)
        if key not in self.fields and not misspelt:
            self.problem(key, f"{key} is missing" + (f"; for example {key}: {example}" if example else ""))
        return key in self.fields

    def _known_type(self) -> bool:
        if "type" not in self.fields:
            self.problem("type", f"type is missing; allowed: {', '.join(KEYS)}")
            return False
        self.type = str(self.fields["type"])
        if self.type not in KEYS:
            self.problem("type", unknown_word("type", self.fields["type"], KEYS))
        return self.type in KEYS

    def _refuse_other_keys(self) -> None:
        allowed = KEYS[self.type]
        for key in self.fields:
            types = [kind for kind, keys in KEYS.items() if key in keys]
            if not types:
                self.problem(key, unknown_word("key", key, allowed))
            elif key not in allowed:
                text = f"key {describe(key)} is for {', '.join(types)}, not for {self.type}"
                self.problem(key, f"{text}; allowed: {', '.join(allowed)}")

    def _group_by(self) -> GroupBy:
        words = ("operation", "service", "overall")
        found = self.take("group_by", values.one_of(*words), "service" if self.type == "absence" else "operation")
        return cast(GroupBy, found)

    def _window(self) -> str:
        def read(value: object) -> str:
            if value in self.windows:
                return str(value)
            raise ValueError(f"a window that is kept: {', '.join(self.windows)} (the setting PIPELINE_WINDOWS)")

        return self.take("window", read, default_window(self.windows))

    def _condition(self, group_by: GroupBy) -> Condition:
        if self.type == "error_rate":
            return ErrorRate(exclude_client_errors=self.take("exclude_client_errors", values.flag, default=False))
        if self.type == "success_rate":
            return SuccessRate(exclude_client_errors=self.take("exclude_client_errors", values.flag, default=False))
        if self.type == "response_time":
            kind, quantile = self.take("statistic", values.statistic, ("percentile", 0.95))
            return ResponseTime(statistic=cast(Literal["avg", "max", "percentile"], kind), quantile=quantile)
        if self.type == "slow_operations":
            return SlowOperations(slow_from_us=self.take("slow_from", values.latency_us, 1_000_000))
        if self.type == "critical_error":
            return CriticalError(hold_ms=self.take("hold", values.long_duration_ms, DEFAULT_HOLD_MS))
        return Absence(expect=self.take("expect", lambda value: values.expected_series(value, group_by), ()))

    def _mapping(self, key: str, example: str) -> CommentedMap:
        found = self.fields.get(key, CommentedMap())
        if isinstance(found, CommentedMap) and (found or key not in self.fields):
            return found
        self.problem(key, f"{key}: found {describe(found)}; allowed: a mapping such as {example}")
        return CommentedMap()

    def _match(self, group_by: GroupBy) -> Match:
        mapping = self._mapping("match", '{service: "checkout*"}')
        allowed, found = _MATCH_KEYS[group_by], {}
        for key, value in mapping.items():
            if key not in allowed:
                text = unknown_word("match key", key, allowed)
                self.problem(key, f"{text} (with group_by: {group_by})", within=mapping)
                continue
            try:
                found[key] = values.globs(value)
            except ValueError as error:
                self.problem(key, f"match {key}: found {describe(value)}; allowed: {error}", within=mapping)
        if mapping and self.type == "absence" and "expect" in self.fields:
            self.problem("match", "match and expect exclude each other: the series that expect names are all there are")
        return Match(**found)

    def _labels(self) -> dict[str, str]:
        mapping = self._mapping("labels", "{team: payments}")
        for key, value in mapping.items():
            if not isinstance(key, str) or not isinstance(value, str | int | float) or isinstance(value, bool):
                self.problem(
                    key, f"label {describe(key)}: found {describe(value)}; allowed: a name and a text", within=mapping
                )
        return {str(key): str(value) for key, value in mapping.items()}

    def _thresholds(self) -> tuple[Threshold, ...]:
        if self.type == "critical_error":
            return (Threshold(self.take("severity", values.severity, "critical"), 0),)
        if not self._need("severities", _EXAMPLES[self.type]):
            return ()
        mapping = self._mapping("severities", _EXAMPLES[self.type])
        read = [self._threshold(mapping, key, value) for key, value in mapping.items()]
        found = sorted((one for one in read if one is not None), key=lambda one: rank(one.severity))
        for milder, graver in pairwise(found):
            if graver.value <= milder.value if self.type != "success_rate" else graver.value >= milder.value:
                shown = {one.severity: describe(mapping[one.severity]).strip("'") for one in (milder, graver)}
                side = "less" if self.type == "success_rate" else "more"
                text = f"{graver.severity} {shown[graver.severity]} must be {side} than {milder.severity}"
                self.problem(graver.severity, f"severities: {text} {shown[milder.severity]}", within=mapping)
        return tuple(found)

    def _threshold(self, mapping: CommentedMap, key: str, value: object) -> Threshold | None:
        try:
            severity: Severity = values.severity(key)
        except ValueError:
            self.problem(key, unknown_word("severity", key, ("info", "warning", "critical")), within=mapping)
            return None
        try:
            return Threshold(severity, _THRESHOLDS[self.type](value))
        except ValueError as error:
            self.problem(key, f"severities {key}: found {describe(value)}; allowed: {error}", within=mapping)
            return None
