"""Reading a mapping in the notifications file: every mistake with its line and what is allowed, all at once."""

from __future__ import annotations

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.core.notices.matching import Matcher
from pipeline.rules_words import Problem, describe
from pipeline.yaml_mapping import YamlMapping


class Fields(YamlMapping):
    """One mapping of the notifications file."""

    def matchers(self, key: str) -> tuple[Matcher, ...]:
        """Return the matchers under a key, none where it is absent."""
        found = self.mapping.get(key, CommentedMap())
        if not isinstance(found, CommentedMap):
            self.problem(key, f"{key}: found {describe(found)}; allowed: a mapping such as {{severity: critical}}")
            return ()
        inner = Fields(found, self.line, self.problems)
        return tuple(Matcher(str(name), inner.take(name, globs, ("*",))) for name in found)

    def inner(self, key: str, example: str) -> Fields | None:
        """Return the mapping under a key; None where it is absent, or none."""
        found = self.mapping.get(key)
        if isinstance(found, CommentedMap):
            return Fields(found, int(self.mapping.lc.key(key)[0]) + 1, self.problems)
        if key in self:
            self.problem(key, f"{key}: found {describe(found)}; allowed: {example}")
        return None

    def each(self, key: str, example: str) -> list[Fields]:
        """Return the mappings in the list under a key."""
        items = self.mapping.get(key, CommentedSeq())
        if not isinstance(items, CommentedSeq):
            self.problem(key, f"{key}: found {describe(items)}; allowed: a list, of which each is {example}")
            return []
        found = []
        for number, item in enumerate(items):
            line = items.lc.item(number)[0] + 1
            if isinstance(item, CommentedMap):
                found.append(Fields(item, line, self.problems))
            else:
                self.problems.append(Problem(line, f"{key}: found {describe(item)}; allowed: {example}"))
        return found


def globs(value: object) -> tuple[str, ...]:
    """Read one glob or a list of them. A number stands for its digits; the empty text for a label that is not there."""
    several = value if isinstance(value, list) else [value]
    if several and all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in several):
        return tuple(str(one) for one in several)
    raise ValueError('a name or glob, or a list of them, such as "checkout*" or [pay, refund]')


def words(value: object) -> tuple[str, ...]:
    """Read one word or a list of them."""
    several = value if isinstance(value, list) else [value]
    if all(isinstance(one, str) and one for one in several):
        return tuple(str(one) for one in several)
    raise ValueError("a name, or a list of them")
