"""A rule's own words for what it saw: `message: "{series} fails at {value}"`."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = (
    "value",
    "threshold",
    "samples",
    "window",
    "severity",
    "rule",
    "series",
    "environment",
    "service",
    "operation",
    "summary",
)
"""What a template may name. `summary` is the pipeline's own sentence."""

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def mistake_in(template: str) -> str | None:
    """Return the first thing in a template that means nothing: a name that is unknown, or a brace alone."""
    for found in _PLACE.finditer(template):
        if found[0] not in ("{{", "}}") and found[1] not in NAMES:
            return found[0]
    return None


def filled(template: str, words: Mapping[str, str]) -> str:
    """Return a template with its names replaced; two braces stand for one. KeyError for what `mistake_in` finds."""
    return _PLACE.sub(lambda found: found[0][0] if found[0] in ("{{", "}}") else words[found[1]], template)
