"""What `pipeline dead replay` and `drop` do, and what they say of it."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

import typer
from aiokafka import AIOKafkaConsumer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipeline.cli.configuration import resolve
from pipeline.cli.console import err, fail, print_json, say, warn
from pipeline.cli.figures import count
from pipeline.dead.letters import Found
from pipeline.dead.outcomes import Decided, Outcomes, deciding
from pipeline.dead.reading import dead_reader, letters_at, survey
from pipeline.dead.replaying import AT_ONCE, Replayed, Replayer
from pipeline.dead.wanted import Wanted
from pipeline.epochs import with_known_epochs
from pipeline.errors import FatalError, RejectedEvent
from pipeline.settings import Settings
from schemas.reasons import Reason

MANY = 20
"""More than so many letters are not replayed or dropped without asking."""
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it: `again` takes those that were decided before, `dry_run` changes nothing."""

    limit: int = 0
    again: bool = False
    through: str | None = None
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


async def replay_letters(settings: Settings, wanted: Wanted, manner: Manner) -> None:
    """Replay the letters that are meant and say how it went; exit code 1 when some could not be."""
    async with AsyncExitStack() as stack:
        outcomes = None if manner.dry_run else await stack.enter_async_context(deciding(settings))
        consumer = await stack.enter_async_context(dead_reader(settings))
        settings = await with_known_epochs(settings)
        originals = await stack.enter_async_context(dead_reader(settings))
        chosen, decided_before = _chosen(await survey(settings, consumer, wanted), wanted, manner)
        _confirm(f"Send {count(len(chosen))} dead letters again?", len(chosen), manner)
        unlanded = [one for one in chosen if one.reason == Reason.LANDING]
        letters = [one for one in chosen if one.reason != Reason.LANDING]
        result = Replayed()
        replayer = Replayer(settings, consumer, originals, outcomes, manner.through)
        with _bar("sending again", len(letters), manner) as (progress, task):
            async for result in replayer.replay(letters, _now_ms()):
                progress.update(task, completed=result.sent + len(result.unsendable))
        landed = await _land(settings, consumer, originals, outcomes, unlanded, result)
    _report(result, landed, decided_before, manner)
    sys.exit(1 if result.unsendable else 0)


async def drop_letters(settings: Settings, wanted: Wanted, manner: Manner) -> None:
    """Note of the letters that are meant that they are dropped."""
    async with AsyncExitStack() as stack:
        outcomes = None if manner.dry_run else await stack.enter_async_context(deciding(settings))
        consumer = await stack.enter_async_context(dead_reader(settings))
        chosen, _ = _chosen(await survey(settings, consumer, wanted), wanted, manner)
        _confirm(f"Drop {count(len(chosen))} dead letters?", len(chosen), manner)
        for first in range(0, len(chosen), AT_ONCE) if outcomes else ():
            some = [Decided(one.id, "dropped", one.attempt) for one in chosen[first : first + AT_ONCE]]
            assert outcomes is not None
            await outcomes.write(some, _now_ms())
    if manner.as_json:
        print_json({"dropped": len(chosen), "dry_run": manner.dry_run})
    else:
        say(f"{'Would drop' if manner.dry_run else 'Dropped'} {count(len(chosen))} dead letters.")


async def _land(
    settings: Settings,
    consumer: AIOKafkaConsumer,
    originals: AIOKafkaConsumer,
    outcomes: Outcomes | None,
    letters: Sequence[Found],
    result: Replayed,
) -> int:
    """Write the rows of letters that were counted but did not land; return how many it could."""
    if not letters or outcomes is None:
        return len(letters)
    # Imported by name, here: ClickHouse's client takes a while that no other command of `dead` should wait for.
    landing = importlib.import_module("pipeline.dead.landing").Landing(resolve(settings), originals)
    landed = 0
    try:
        async for at, letter in letters_at(settings, consumer, [one.at for one in letters]):
            name = next(one.id for one in letters if one.at == at)
            try:
                await landing.land(letter)
            except RejectedEvent as rejected:
                result.unsendable[name] = rejected.reason
                continue
            await outcomes.write([Decided(name, "landed", letter.attempt)], _now_ms())
            landed += 1
    finally:
        landing.close()
    return landed


def _chosen(found: list[Found], wanted: Wanted, manner: Manner) -> tuple[list[Found], int]:
    """Return the letters to be decided now, and how many of those meant were decided before."""
    missing = wanted.ids - {one.id for one in found}
    if missing:
        raise FatalError(
            f"There is no dead letter {', '.join(sorted(map(str, missing)))}. `pipeline dead list --all` shows what "
            "there is."
        )
    before = [one for one in found if one.outcome is not None and not manner.again]
    if wanted.ids and before:
        raise FatalError(
            f"{before[0].id} was {before[0].outcome} before, so nothing is done. Had it been refused again, it would "
            "be a new dead letter with a name of its own: `pipeline dead list` shows it. --again sends it all the same."
        )
    chosen = [one for one in found if one.outcome is None or manner.again]
    return chosen[: manner.limit] if manner.limit else chosen, len(before)


def _confirm(question: str, letters: int, manner: Manner) -> None:
    if letters <= MANY or manner.yes or manner.dry_run:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here: give --yes, or --dry-run to see what would be done.")
    if not typer.confirm(question, err=True):
        raise typer.Abort


def _report(result: Replayed, landed: int, decided_before: int, manner: Manner) -> None:
    if manner.as_json:
        print_json(_facts(result, landed, decided_before, manner))
        return
    for name, why in list(result.unsendable.items())[:_SHOWN]:
        warn(f"{name} stays: {why}")
    would = "Would send" if manner.dry_run else "Sent"
    say(f"{would} {count(result.sent)} dead letters again." + _also(landed, result, decided_before))
    if result.refused_again:
        name, why = next(iter(result.refused_again.items()))
        say(
            f"{count(len(result.refused_again))} of them this release refuses as they are, so they come back as dead "
            f"letters, tried once more: {name}: {why}"
        )


def _also(landed: int, result: Replayed, decided_before: int) -> str:
    told = [
        f"{count(landed)} that had only not landed: to ClickHouse" if landed else "",
        f"{count(len(result.unsendable))} could not be and still wait" if result.unsendable else "",
        f"{count(decided_before)} were replayed or dropped before (--again takes them too)" if decided_before else "",
    ]
    return "".join(f" {one}." for one in told if one)


def _facts(result: Replayed, landed: int, decided_before: int, manner: Manner) -> dict[str, object]:
    return {
        "sent": result.sent,
        "landed": landed,
        "decided_before": decided_before,
        "refused_again": {str(name): why for name, why in result.refused_again.items()},
        "unsendable": {str(name): why for name, why in result.unsendable.items()},
        "dry_run": manner.dry_run,
    }


@contextmanager
def _bar(description: str, total: int, manner: Manner) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=manner.as_json or not err.is_terminal) as progress:
        yield progress, progress.add_task(description, total=total)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
