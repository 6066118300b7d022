"""The keys of one mapping in a script: each read once, every mistake noted with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ruamel.yaml.comments import CommentedMap

from pipeline.rules_words import Problem, describe, unknown_word

_Value = TypeVar("_Value")


class Keys:
    """One mapping that begins at `line`. Mistakes go to `problems`; what comes back then means nothing."""

    def __init__(self, mapping: CommentedMap, line: int, problems: list[Problem], what: str) -> None:
        self.mapping = mapping
        self.line = line
        self._problems = problems
        self._what = what

    def line_of(self, key: str) -> int:
        """Return the line of a key, or of the mapping where it has no such key."""
        return int(self.mapping.lc.key(key)[0]) + 1 if key in self.mapping else self.line

    def problem(self, key: str, text: str) -> None:
        """Note a mistake at a key."""
        self._problems.append(Problem(self.line_of(key), text))

    def refuse_others(self, allowed: Iterable[str]) -> None:
        """Note every key that is not allowed."""
        allowed = list(allowed)
        for key in self.mapping:
            if key not in allowed:
                self.problem(key, unknown_word(f"{self._what} key", key, allowed))

    def take(self, key: str, read: Callable[[object], _Value], default: _Value) -> _Value:
        """Return what a key says, or the default where it is absent or wrong."""
        if key not in self.mapping:
            return default
        try:
            return read(self.mapping[key])
        except ValueError as error:
            self.problem(key, f"{key}: found {describe(self.mapping[key])}; allowed: {error}")
            return default

    def need(self, key: str, read: Callable[[object], _Value], default: _Value, example: str) -> _Value:
        """Return what a key says; note it where it is missing."""
        if key not in self.mapping:
            self.problem(key, f"{key} is missing; for example {key}: {example}")
        return self.take(key, read, default)
