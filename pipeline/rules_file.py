"""The rules file: YAML in, rules out; or every mistake in it, each with its line and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import takewhile
from pathlib import Path

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.rules_fields import read_rule
from pipeline.rules_words import Problem, describe, unknown_word
from pipeline.yaml_file import YamlFileError, parse_yaml

DEFAULT_FILE = "default_rules.yaml"
PRESETS_FOLDER = "presets"
DEFAULTS = "defaults"
PRESET = "preset:"
"""What PIPELINE_RULES begins with where it names no file but presets, joined by +."""

_EXAMPLE = "a rules file is `rules:` with a list under it, of which each has name, type and severities"


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule with what is written of it: `fields` know their lines in `file`, at `line` it begins."""

    rule: Rule
    fields: CommentedMap
    file: str
    line: int

    @property
    def enabled(self) -> bool:
        """Whether it holds."""
        return bool(self.fields.get("enabled", True))


def load_rules(path: Path | None, windows: Sequence[str]) -> list[Rule]:
    """Return the rules in a file that are enabled, or in presets (``preset:NAME+NAME``); the default rules for None.

    `windows` are the windows that the pipeline keeps. Raises YamlFileError with all mistakes at once, and FatalError
    if the file can't be read. Default rules that name a window that is not kept are left out.
    """
    return _enabled(load_written(path, windows))


def load_written(path: Path | None, windows: Sequence[str]) -> list[WrittenRule]:
    """Return the same as `load_rules` with what is written of each, and those that are switched off too."""
    if path is None:
        return _defaults(windows)
    if str(path).startswith(PRESET):
        return _of_presets(str(path).removeprefix(PRESET).split("+"), windows)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(
            f"rules file {path} can't be read ({error}): name a YAML file, or {PRESET}NAME (the setting PIPELINE_RULES)"
        ) from error
    return _parse(text, str(path), windows, kept_only=False)


def _enabled(written: Iterable[WrittenRule]) -> list[Rule]:
    return [one.rule for one in written if one.enabled]


def _defaults(windows: Sequence[str]) -> list[WrittenRule]:
    return _parse(files("pipeline").joinpath(DEFAULT_FILE).read_text("utf-8"), DEFAULT_FILE, windows, kept_only=True)


def presets() -> dict[str, str]:
    """Return what each preset says of itself by its name: the comment that it begins with."""
    found = {DEFAULTS: "What holds when no file is named."}
    for file in sorted(files("pipeline").joinpath(PRESETS_FOLDER).iterdir(), key=lambda file: file.name):
        comment = takewhile(lambda line: line.startswith("#"), file.read_text("utf-8").splitlines())
        found[file.name.removesuffix(".yaml")] = " ".join(line.removeprefix("# ") for line in comment)
    return found


def _of_presets(names: Sequence[str], windows: Sequence[str]) -> list[WrittenRule]:
    known, rules = presets(), dict[str, WrittenRule]()
    for name in names:
        if name not in known:
            raise FatalError(f"there is no preset {name!r}; there is {', '.join(PRESET + one for one in known)}")
        for one in _defaults(windows) if name == DEFAULTS else _of_preset(name, windows):
            taken = one.rule.name
            if taken in rules:
                raise FatalError(f"presets {' and '.join(names)} both have a rule {taken}: copy them into one file")
            rules[taken] = one
    return list(rules.values())


def _of_preset(name: str, windows: Sequence[str]) -> list[WrittenRule]:
    file = f"{PRESETS_FOLDER}/{name}.yaml"
    return _parse(files("pipeline").joinpath(file).read_text("utf-8"), file, windows, kept_only=False)


def parse_rules(text: str, file: str, windows: Sequence[str]) -> list[Rule]:
    """Return the enabled rules in YAML text; `file` is for messages. Raises YamlFileError."""
    return _enabled(_parse(text, file, windows, kept_only=False))


def _parse(text: str, file: str, windows: Sequence[str], *, kept_only: bool) -> list[WrittenRule]:
    items, problems = _items(parse_yaml(text, file), file)
    rules, found = _read(items, file, windows, kept_only=kept_only)
    if problems + found:
        raise YamlFileError(file, problems + found)
    return rules


def read_rules(items: CommentedSeq, windows: Sequence[str]) -> tuple[list[Rule], list[Problem]]:
    """Return the enabled rules in a list of a YAML file, and every mistake in it."""
    written, problems = _read(items, "", windows, kept_only=False)
    return _enabled(written), problems


def _read(
    items: CommentedSeq, file: str, windows: Sequence[str], *, kept_only: bool
) -> tuple[list[WrittenRule], list[Problem]]:
    """Return the rules in a list of a YAML file, and every mistake in it.

    `kept_only` passes over those that name a window that is not kept, which is a mistake else.
    """
    rules: list[WrittenRule] = []
    problems: list[Problem] = []
    named: dict[object, int] = {}
    for number, fields in enumerate(items):
        line = items.lc.item(number)[0] + 1
        if not isinstance(fields, CommentedMap):
            problems.append(Problem(line, f"found {describe(fields)}; {_EXAMPLE}"))
            continue
        if kept_only and fields.get("window", windows[0]) not in windows:
            continue
        rule, found = read_rule(fields, line, windows)
        problems += found + _taken(fields, line, named)
        if rule is not None:
            rules.append(WrittenRule(rule, fields, file, line))
    return rules, problems


def _taken(fields: CommentedMap, line: int, named: dict[object, int]) -> list[Problem]:
    """Return the problem of a name that a rule before has; note the name for the rules after."""
    name = fields.get("name")
    if not isinstance(name, str) or named.setdefault(name, line) == line:
        return []
    return [Problem(fields.lc.key("name")[0] + 1, f"name {name!r} is taken by the rule in line {named[name]}")]


def _items(document: object, file: str) -> tuple[CommentedSeq, list[Problem]]:
    """Return the list of rules, and what else the file holds."""
    if not isinstance(document, CommentedMap):
        raise YamlFileError(file, [Problem(1, f"found {describe(document)}; {_EXAMPLE}")])
    problems = [
        Problem(document.lc.key(key)[0] + 1, unknown_word("key", key, ["rules"])) for key in document if key != "rules"
    ]
    items = document.get("rules")
    if not isinstance(items, CommentedSeq):
        if "rules" in document or not problems:
            line = document.lc.key("rules")[0] + 1 if "rules" in document else 1
            problems.append(Problem(line, f"rules: found {describe(items)}; {_EXAMPLE}"))
        raise YamlFileError(file, problems)
    return items, problems
