"""Rules as a table and as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import to_builtins
from rich.markup import escape
from rich.table import Table

from pipeline.core.alert_text import duration_text, span, subject, value_text
from pipeline.core.conditions import windows_of
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rules import Absence, CriticalError, Rule

Origins = Mapping[str, str]
"""Where each value of a rule comes from, by path: ``file:line``, an environment variable, or ``control (who)``."""


def rules_table(rules: Sequence[tuple[Rule, Origins]]) -> Table:
    """Return the rules that hold, one a row."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for heading in ("rule", "watches", "severities", "by", "for", "samples", "match", "from"):
        table.add_column(heading, no_wrap=heading in {"rule", "severities"})
    for rule, origins in rules:
        by = "" if isinstance(rule.condition, CriticalError) else rule.group_by
        samples = "" if isinstance(rule.condition, CriticalError | Absence) else str(rule.min_samples)
        table.add_row(
            escape(rule.name), escape(watched(rule)), escape(severities(rule)), by,
            duration_text(rule.for_ms) if rule.for_ms else "", samples, escape(_match(rule)),
            escape(origins_text(origins)),
        )  # fmt: skip
    return table


def preset_table(presets: Mapping[str, str]) -> Table:
    """Return the presets, one a row."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for heading in ("preset", "what it is"):
        table.add_column(heading, no_wrap=heading == "preset")
    for name, text in presets.items():
        table.add_row(f"preset:{name}", escape(text))
    return table


def watched(rule: Rule) -> str:
    """Return what a rule measures, and over which time."""
    if isinstance(rule.condition, Absence):
        return "time without any event"
    if isinstance(rule.condition, CriticalError):
        return "any error of severity critical"
    return f"{subject(rule)} {span(rule)}"


def severities(rule: Rule) -> str:
    """Return the thresholds, ``warning > 2 %, critical > 5 %``."""
    if isinstance(rule.condition, CriticalError):
        return rule.severity_at(1)
    side = shape_of(rule.condition).comparison
    return ", ".join(f"{one.severity} {side} {value_text(rule.condition, one.value)}" for one in rule.thresholds)


def _match(rule: Rule) -> str:
    fields = {name: getattr(rule.match, name) for name in ("environment", "service", "operation")}
    return " ".join(f"{name}={'|'.join(globs)}" for name, globs in fields.items() if globs)


def origins_text(origins: Origins) -> str:
    """Return where a rule is written, and where what of it comes from: ``rules.yaml:2; critical: control (ann)``."""
    home = origins["type"]
    file = home.rpartition(":")[0]
    others = {path: place for path, place in origins.items() if place != home and place.rpartition(":")[0] != file}
    own = [f"{path.removeprefix('severities.')}: {place}" for path, place in sorted(others.items())]
    return "; ".join([Path(home).name, *own])


def rule_facts(rule: Rule, origins: Origins, *, enabled: bool) -> dict[str, object]:
    """Return a rule as JSON shows it: all it consists of, in the condition's own units, and the same in words.

    `from` says where each value comes from, by its path in a rules file.
    """
    facts: dict[str, object] = to_builtins(rule)
    words = {"watches": watched(rule), "severities": severities(rule), "windows": list(windows_of(rule))}
    return {**facts, "enabled": enabled, "in_words": words, "from": dict(origins)}
