"""A YAML file that people write: parsed with its lines, and refused with all of its mistakes."""

from __future__ import annotations

from collections.abc import Iterable

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.errors import FatalError
from pipeline.rules_words import Problem

RULES_FILE = "rules file"


class YamlFileError(FatalError):
    """A file that can't be used: all mistakes, each as ``file:line: text``; `what` says what kind of file it is."""

    def __init__(self, file: str, problems: Iterable[Problem], what: str = RULES_FILE) -> None:
        self.file = file
        self.problems = sorted(problems)
        lines = "\n".join(f"{file}:{problem.line}: {problem.text}" for problem in self.problems)
        count = len(self.problems)
        super().__init__(f"{lines}\n{count} mistake{'s' if count > 1 else ''} in the {what}")


def parse_yaml(text: str, file: str, what: str = RULES_FILE) -> object:
    """Return a YAML document with its lines; YamlFileError for what is not YAML."""
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Only the first line says what is wrong; what may follow is about the library's settings.
        why = str(error.problem or error.context).splitlines()[0]
        raise YamlFileError(file, [Problem(mark.line + 1 if mark else 1, f"not valid YAML: {why}")], what) from None
    except YAMLError as error:
        raise YamlFileError(file, [Problem(1, f"not valid YAML: {str(error).splitlines()[0]}")], what) from None
