"""What a rehearsal gave, against what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.rehearsal.perform import Found
from pipeline.rehearsal.script import Expected

Verdict = Literal["as expected", "missing", "unexpected", "not asked"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison. A missing one has the transition that is nearest to it, if there is any."""

    verdict: Verdict
    expected: Expected | None
    found: Found | None

    @property
    def at_ms(self) -> int:
        """When it was, or was to be."""
        return self.expected.at_ms if self.expected is not None else self.found.at_ms if self.found is not None else 0


def compare(expected: Sequence[Expected], found: Sequence[Found], *, only: bool) -> list[Line]:
    """Return all that was expected and all that was found, in order of time; each found one meets one expected."""
    left = list(found)
    lines = []
    missing = []
    for one in sorted(expected, key=lambda one: one.at_ms):
        met = min(
            (other for other in left if meets(one, other)), key=lambda other: abs(other.at_ms - one.at_ms), default=None
        )
        if met is None:
            missing.append(one)
            continue
        left.remove(met)
        lines.append(Line("as expected", one, met))
    lines += [Line("missing", one, _nearest(one, _alike(one, left))) for one in missing]
    lines += [Line("unexpected" if only else "not asked", None, other) for other in left]
    return sorted(lines, key=lambda line: line.at_ms)


def is_good(lines: Sequence[Line]) -> bool:
    """Return whether everything was as expected."""
    return all(line.verdict in ("as expected", "not asked") for line in lines)


def meets(expected: Expected, found: Found) -> bool:
    """Return whether a transition is the expected one."""
    alert = found.alert
    return (
        (alert.rule, alert.series, alert.state) == (expected.rule, expected.series, expected.state)
        and expected.severity in (None, alert.severity)
        and expected.notify in (None, alert.notify)
        and abs(found.at_ms - expected.at_ms) <= expected.within_ms
    )


def _alike(expected: Expected, found: Sequence[Found]) -> list[Found]:
    return [one for one in found if (one.alert.rule, one.alert.series) == (expected.rule, expected.series)]


def _nearest(expected: Expected, found: Sequence[Found]) -> Found | None:
    return min(found, key=lambda one: abs(one.at_ms - expected.at_ms), default=None)
