"""What the documents say: their text, their console blocks, the commands, paths and settings that they name."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup

from pipeline.cli.main import app
from pipeline.rules_environment import PREFIX, variables_of
from pipeline.rules_file import load_written
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "schemas").glob("*.md"),
        *(ROOT / "rules").glob("*.md"),
    ]
)
_GROUP = typer.main.get_command(app)
assert isinstance(_GROUP, TyperGroup)
COMMANDS = {name: command for name, command in _GROUP.commands.items() if isinstance(command, TyperCommand)}
"""The commands of `pipeline`, by name."""
GROUPS = {
    name: {part: command for part, command in group.commands.items() if isinstance(command, TyperCommand)}
    for name, group in _GROUP.commands.items()
    if isinstance(group, TyperGroup)
}
"""Those that have commands of their own, as `dead` has `list`."""
SETTINGS = {f"PIPELINE_{name.upper()}" for name in Settings.model_fields}
RULE_SETTINGS = {PREFIX, *(name for rule in load_written(None, Settings().windows) for name in variables_of(rule))}
"""Variables of the default rules, and what all variables of rules begin with."""
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def named(path: Path) -> str:
    """Return a file's name for a test id."""
    return str(path.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return [text for found, text in _BLOCK.findall(document.read_text(encoding="utf-8")) if found == language]


def spans(document: Path) -> list[str]:
    """Return everything in backticks outside of blocks."""
    return [str(span) for span in _SPAN.findall(_BLOCK.sub("", document.read_text(encoding="utf-8")))]


def console_lines(document: Path) -> Iterator[list[str]]:
    """Yield the words of each command in the console blocks: those after a `$`, each part of a pipe by itself.

    A command ends with its line, or goes on while a quote is open; other lines are what it prints.
    """
    for block in blocks(document, "console"):
        lines = iter(block.replace("\\\n", " ").splitlines())
        for line in (line.removeprefix("$ ") for line in lines if line.startswith("$ ")):
            command = line
            while command.count('"') % 2:
                command += "\n" + next(lines)
            yield from _commands(shlex.split(command, comments=True))


def _commands(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, "|"]:
        if word in {"|", "&&", ";", "&"}:
            yield [one for one in command if not re.fullmatch(r"[A-Z_]+=.*", one)]
            command = []
        elif word in {"<", ">", ">>"}:
            command.append("")  # what follows is a file, not an argument
        else:
            command.append(word)


def pipeline_commands(document: Path) -> Iterator[list[str]]:
    """Yield the arguments of every `pipeline …` in console blocks and in backticks."""
    for words in console_lines(document):
        if words and Path(words[0]).name == "pipeline":
            yield words[1:]
    for span in spans(document):
        if re.match(r"(\.venv/bin/)?pipeline [a-z-]", span) and "…" not in span:
            yield shlex.split(span)[1:]


def make_targets(document: Path) -> Iterator[str]:
    """Yield every target of `make …` in console blocks and in backticks."""
    for words in [*console_lines(document), *(span.split() for span in spans(document))]:
        if words[:1] == ["make"]:
            yield from (word for word in words[1:] if re.fullmatch(r"[a-z]+", word))
