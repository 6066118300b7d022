"""The rules file: YAML in, rules out; or every mistake in it, each with its line and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.rules_fields import read_rule
from pipeline.rules_words import Problem, describe, unknown_word

DEFAULT_FILE = "default_rules.yaml"


class RulesFileError(FatalError):
    """A rules file that can't be used: all its mistakes, one a line, each as ``file:line: what``."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = sorted(problems)
        lines = "\n".join(f"{file}:{problem.line}: {problem.text}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{lines}\n{count} mistake{'s' if count > 1 else ''} in the rules file")


def load_rules(path: Path | None, windows: Sequence[str]) -> list[Rule]:
    """Return the rules in a file that are enabled; the default rules for None.

    `windows` are the windows that the pipeline keeps. Raises RulesFileError with all mistakes at once, and FatalError
    if the file can't be read.
    """
    if path is None:
        return parse_rules(files("pipeline").joinpath(DEFAULT_FILE).read_text("utf-8"), DEFAULT_FILE, windows)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"rules file {path} can't be read ({error}): PIPELINE_RULES must name a YAML file") from error
    return parse_rules(text, str(path), windows)


def parse_rules(text: str, file: str, windows: Sequence[str]) -> list[Rule]:
    """Return the enabled rules in YAML text; `file` is for messages. Raises RulesFileError."""
    mappings, problems = _mappings(_parse_yaml(text, file), file)
    rules: list[Rule] = []
    named: dict[object, int] = {}
    for fields, line in mappings:
        rule, found = read_rule(fields, line, windows)
        problems += found + _taken(fields, line, named)
        if rule is not None and fields.get("enabled", True):
            rules.append(rule)
    if problems:
        raise RulesFileError(file, problems)
    return rules


def _taken(fields: CommentedMap, line: int, named: dict[object, int]) -> list[Problem]:
    """Return the problem of a name that a rule before has; note the name for the rules after."""
    name = fields.get("name")
    if not isinstance(name, str) or named.setdefault(name, line) == line:
        return []
    return [Problem(fields.lc.key("name")[0] + 1, f"name {name!r} is taken by the rule in line {named[name]}")]


def _parse_yaml(text: str, file: str) -> object:
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Only the first line says what is wrong; what may follow is about the library's settings.
        what = str(error.problem or error.context).splitlines()[0]
        raise RulesFileError(file, [Problem(mark.line + 1 if mark else 1, f"not valid YAML: {what}")]) from None
    except YAMLError as error:
        raise RulesFileError(file, [Problem(1, f"not valid YAML: {str(error).splitlines()[0]}")]) from None


def _mappings(document: object, file: str) -> tuple[list[tuple[CommentedMap, int]], list[Problem]]:
    """Return the mapping and the line of each rule, and what else the file holds that is no rule."""
    example = "a rules file is `rules:` with a list under it, of which each has name, type and severities"
    if not isinstance(document, CommentedMap):
        raise RulesFileError(file, [Problem(1, f"found {describe(document)}; {example}")])
    problems = [
        Problem(document.lc.key(key)[0] + 1, unknown_word("key", key, ["rules"])) for key in document if key != "rules"
    ]
    items = document.get("rules")
    if not isinstance(items, CommentedSeq):
        if "rules" in document or not problems:
            line = document.lc.key("rules")[0] + 1 if "rules" in document else 1
            problems.append(Problem(line, f"rules: found {describe(items)}; {example}"))
        raise RulesFileError(file, problems)
    found: list[tuple[CommentedMap, int]] = []
    for number, item in enumerate(items):
        line = items.lc.item(number)[0] + 1
        if isinstance(item, CommentedMap):
            found.append((item, line))
        else:
            problems.append(Problem(line, f"found {describe(item)}; {example}"))
    return found, problems
