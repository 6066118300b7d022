"""What is other in one set of rules than in another, in words that are the same in every process."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.alert_rules import CompiledRules


def changed_rules(before: CompiledRules, after: CompiledRules) -> list[str]:
    """Return the names of the rules that are new, gone, or another version, sorted."""
    names = before.versions.keys() | after.versions.keys()
    return sorted(name for name in names if before.versions.get(name) != after.versions.get(name))


def difference(before: CompiledRules, after: CompiledRules) -> str:
    """Return what has changed, by rule: ``a: new (5f3c…), b: 1a2b… → 3c4d…, c: gone``. Empty where nothing has."""
    return ", ".join(_told(before, after))


def _told(before: CompiledRules, after: CompiledRules) -> Iterator[str]:
    for name in changed_rules(before, after):
        old, new = before.versions.get(name), after.versions.get(name)
        if old is None:
            yield f"{name}: new ({new})"
        elif new is None:
            yield f"{name}: gone"
        else:
            yield f"{name}: {old} → {new}"
