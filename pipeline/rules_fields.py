"""One rule in a rules file: which keys it has, and what they become."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from ruamel.yaml.comments import CommentedMap

from pipeline import rules_values as values
from pipeline.core.conditions import waits_for_watermark
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rules import (
    DEFAULT_COOLDOWN_MS,
    DEFAULT_KEEP_FIRING_MS,
    Condition,
    GroupBy,
    Match,
    NoData,
    Rule,
    Severity,
    Threshold,
    rank,
)
from pipeline.rules_conditions import default_window, kept_window
from pipeline.rules_recovery import read_recovery
from pipeline.rules_types import KEYS, NOT_YET, TYPES
from pipeline.rules_words import Problem, describe, likeliest, unknown_word
from pipeline.yaml_mapping import YamlMapping

_MATCH_KEYS = {
    "operation": ("environment", "service", "operation"),
    "service": ("environment", "service"),
    "overall": ("environment",),
}


def read_rule(fields: CommentedMap, line: int, windows: Sequence[str]) -> tuple[Rule | None, list[Problem]]:
    """Return the rule in a mapping of the file, None if there is any mistake in it, and all of its mistakes."""
    reader = _RuleReader(fields, line, windows)
    rule = reader.rule()
    return (None if reader.problems else rule), reader.problems


class _RuleReader(YamlMapping):
    """Reads the keys of one rule and gathers what is wrong with them."""

    def __init__(self, fields: CommentedMap, line: int, windows: Sequence[str]) -> None:
        super().__init__(fields, line, [])
        self.windows = windows
        self.type = ""
        self.group_by: GroupBy = "operation"
        self.window = default_window(windows)

    def problem(self, key: str, text: str, *, within: CommentedMap | None = None) -> None:
        """Note a mistake at a key of the rule, or of a mapping in it."""
        if within is None:
            super().problem(key, text)
        else:
            YamlMapping(within, self.line, self.problems).problem(key, text)

    def rule(self) -> Rule | None:
        """Return the rule; what stands in it after a mistake means nothing."""
        self.need("name")
        name = self.take("name", values.rule_name, "")
        self.take("enabled", values.flag, default=True)
        if not self._known_type():
            return None
        self._refuse_other_keys()
        self.group_by, self.window = self._group_by(), self._window()
        condition = TYPES[self.type].read(self)
        thresholds = self._thresholds(condition)
        rule = Rule(
            name=name,
            condition=condition,
            thresholds=thresholds,
            window=self.window,
            group_by=self.group_by,
            match=self._match(),
            for_ms=self.take("for", values.duration_ms, 0),
            cooldown_ms=self.take("cooldown", values.duration_ms, DEFAULT_COOLDOWN_MS),
            min_samples=self.take("min_samples", values.samples, TYPES[self.type].min_samples),
            on_time=self.take("on_time", values.flag, default=False),
            labels=self._labels(),
            keep_firing_ms=self.take("keep_firing", values.duration_ms, self._keep_firing_ms()),
            recovery=self._recovery(condition, thresholds),
            no_data=cast(NoData, self.take("no_data", values.one_of("ok", "alert", "keep"), "ok")),
            confidence=self.take("confidence", values.confidence, None),
            message=self.take("message", values.message, ""),
            runbook=self.take("runbook", values.runbook, ""),
        )
        if self.mapping.get("on_time") is False and waits_for_watermark(rule):
            self.problem("on_time", "on_time: found false; allowed: true: a window that is not full yet is always low")
        return rule

    def need(self, key: str, example: str = "") -> bool:
        """Note a key that is missing, unless a misspelt one, which is noted anyway, is likely to be it.

        Returns whether it is there.
        """
        known = KEYS.get(self.type, ())
        misspelt = any(likeliest(other, [key]) for other in self.mapping if other not in known)
        if key not in self.mapping and not misspelt:
            self.problem(key, f"{key} is missing" + (f"; for example {key}: {example}" if example else ""))
        return key in self.mapping

    def _known_type(self) -> bool:
        if "type" not in self.mapping:
            self.problem("type", f"type is missing; allowed: {', '.join(KEYS)}")
            return False
        self.type = str(self.mapping["type"])
        if self.type in NOT_YET:
            self.problem("type", f"type {self.type} can't be used yet: {NOT_YET[self.type]}")
        elif self.type not in KEYS:
            self.problem("type", unknown_word("type", self.mapping["type"], KEYS))
        return self.type in KEYS

    def _refuse_other_keys(self) -> None:
        allowed = KEYS[self.type]
        for key in self.mapping:
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
        return self.take("window", kept_window(self.windows), default_window(self.windows, TYPES[self.type].window))

    def _mapping(self, key: str, example: str) -> CommentedMap:
        found = self.mapping.get(key, CommentedMap())
        if isinstance(found, CommentedMap) and (found or key not in self.mapping):
            return found
        self.problem(key, f"{key}: found {describe(found)}; allowed: a mapping such as {example}")
        return CommentedMap()

    def _match(self) -> Match:
        mapping = self._mapping("match", '{service: "checkout*"}')
        allowed, found = _MATCH_KEYS[self.group_by], {}
        for key, value in mapping.items():
            if key not in allowed:
                text = unknown_word("match key", key, allowed)
                self.problem(key, f"{text} (with group_by: {self.group_by})", within=mapping)
                continue
            try:
                found[key] = values.globs(value)
            except ValueError as error:
                self.problem(key, f"match {key}: found {describe(value)}; allowed: {error}", within=mapping)
        if mapping and self.type == "absence" and "expect" in self.mapping:
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

    def _keep_firing_ms(self) -> int:
        # A critical error has its own word for it: `hold`.
        return DEFAULT_KEEP_FIRING_MS if "keep_firing" in KEYS[self.type] else 0

    def _recovery(self, condition: Condition, thresholds: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
        given, read = self.mapping.get("recovery"), TYPES[self.type].threshold
        if "recovery" not in self.mapping or not thresholds or read is None:
            return ()
        below = shape_of(condition).comparison == "<"
        found, mistakes = read_recovery(given, thresholds, lambda value: read(condition, value), below=below)
        for key, text in mistakes:
            self.problem(key or "recovery", text, within=given if key else None)
        return found

    def _thresholds(self, condition: Condition) -> tuple[Threshold, ...]:
        if TYPES[self.type].threshold is None:
            return (Threshold(self.take("severity", values.severity, "critical"), 0),)
        example = TYPES[self.type].example
        if not self.need("severities", example):
            return ()
        mapping = self._mapping("severities", example)
        read = [self._threshold(condition, mapping, key, value) for key, value in mapping.items()]
        found = sorted((one for one in read if one is not None), key=lambda one: rank(one.severity))
        below = shape_of(condition).comparison == "<"
        for milder, graver in pairwise(found):
            if graver.value >= milder.value if below else graver.value <= milder.value:
                shown = {one.severity: describe(mapping[one.severity]).strip("'") for one in (milder, graver)}
                side = "less" if below else "more"
                text = f"{graver.severity} {shown[graver.severity]} must be {side} than {milder.severity}"
                self.problem(graver.severity, f"severities: {text} {shown[milder.severity]}", within=mapping)
        return tuple(found)

    def _threshold(self, condition: Condition, mapping: CommentedMap, key: str, value: object) -> Threshold | None:
        try:
            severity: Severity = values.severity(key)
        except ValueError:
            self.problem(key, unknown_word("severity", key, ("info", "warning", "critical")), within=mapping)
            return None
        read = TYPES[self.type].threshold
        assert read is not None
        try:
            return Threshold(severity, read(condition, value))
        except ValueError as error:
            self.problem(key, f"severities {key}: found {describe(value)}; allowed: {error}", within=mapping)
            return None
