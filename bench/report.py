"""``python -m bench.report FILE``: writes what ``python -m bench --json FILE`` has found into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.figures import Figure, verdict

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class Report(msgspec.Struct, frozen=True):
    """A run: when, where, how it was called, and what came out."""

    taken: str
    machine: dict[str, str]
    arguments: str
    figures: list[Figure]


def report(figures: Iterable[Figure], arguments: str, where: dict[str, str]) -> bytes:
    """Return a run of now as JSON; `where` is what `machine` said before it."""
    taken = datetime.now(UTC).strftime("%Y-%m-%d")
    return msgspec.json.format(msgspec.json.encode(Report(taken, where, arguments, list(figures))))


def read(path: Path) -> Report:
    """Return the run in a file; msgspec.DecodeError for anything else."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def markdown(run: Report) -> str:
    """Return a run as a paragraph and a table."""
    where = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    rows = [f"| {one.what} | {one.text} | {one.goal} | {verdict(one)} |" for one in run.figures]
    return "\n".join(
        [
            f"Taken on {run.taken} with `{run.arguments}`. Machine: {where}.",
            "",
            "| figure | value | goal | reached |",
            "| --- | ---: | ---: | --- |",
            *rows,
        ]
    )


def replaced(page: str, text: str) -> str:
    """Return a page with everything between the two markers replaced; ValueError when they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main() -> None:
    """Rewrite the table of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("file", type=Path, help="what `python -m bench --json FILE` has written")
    run = read(parser.parse_args().file)
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), markdown(run)), encoding="utf-8")
    sys.stdout.write(f"{len(run.figures)} figures written to docs/{PAGE.name}\n")


if __name__ == "__main__":
    main()
