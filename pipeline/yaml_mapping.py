"""Reading a mapping of a YAML file that people write: every mistake with its line and what is allowed, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ruamel.yaml.comments import CommentedMap

from pipeline.rules_words import Problem, describe, unknown_word

_Value = TypeVar("_Value")


class YamlMapping:
    """A mapping that begins at `line`. What is wrong in it is added to `problems`, and the default stands in for it."""

    def __init__(self, mapping: CommentedMap, line: int, problems: list[Problem]) -> None:
        self.mapping = mapping
        self.line = line
        self.problems = problems

    def __contains__(self, key: object) -> bool:
        return key in self.mapping

    def problem(self, key: str, text: str) -> None:
        """Note a mistake at a key, or at the mapping where it has no such key."""
        line = int(self.mapping.lc.key(key)[0]) + 1 if key in self.mapping else self.line
        self.problems.append(Problem(line, text))

    def only(self, allowed: Iterable[str], what: str = "key") -> None:
        """Note every key that is not allowed."""
        allowed = list(allowed)
        for key in self.mapping:
            if key not in allowed:
                self.problem(key, unknown_word(what, key, allowed))

    def need(self, key: str, example: str) -> bool:
        """Note a key that is missing; return whether it is there."""
        if key not in self.mapping:
            self.problem(key, f"{key} is missing; for example {key}: {example}")
        return key in self.mapping

    def take(self, key: str, read: Callable[[object], _Value], default: _Value) -> _Value:
        """Return what a key says, or the default where it is absent or wrong."""
        if key not in self.mapping:
            return default
        try:
            return read(self.mapping[key])
        except ValueError as error:
            self.problem(key, f"{key}: found {describe(self.mapping[key])}; allowed: {error}")
            return default
