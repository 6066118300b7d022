"""`pipeline dead`: what could not be used: listed, shown, sent again, dropped."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import err, out, print_json, say
from pipeline.cli.dead_options import (
    AsJson,
    Contains,
    DryRun,
    Limit,
    Names,
    Reasons,
    Service,
    Since,
    TopicNames,
    Until,
    Yes,
    wanted,
)
from pipeline.cli.dead_replay import Manner, drop_letters, replay_letters
from pipeline.cli.dead_tables import (
    letter_facts,
    letters_table,
    summary_facts,
    summary_table,
    whole_facts,
    whole_text,
)
from pipeline.cli.figures import count
from pipeline.dead.identity import parse_id
from pipeline.dead.letters import Found, value_of
from pipeline.dead.reading import dead_reader, letters_at, survey
from pipeline.dead.wanted import Wanted
from pipeline.errors import FatalError
from pipeline.settings import Settings
from schemas.structs import DeadLetter

dead = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay or drop what could not be used.")


@dead.command("list")
def list_letters(
    reason: Reasons = None,
    topic: TopicNames = None,
    since: Since = "",
    until: Until = "",
    service: Service = None,
    contains: Contains = "",
    limit: Limit = 50,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were replayed or dropped.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the dead letters that wait for somebody's decision, the newest last, and how many there are by reason."""
    settings = resolve(load(), clickhouse=False)
    chosen = wanted(settings, None, reason, topic, since, until, service, contains)
    found = [one for one in asyncio.run(_survey(settings, chosen, as_json)) if everything or one.outcome is None]
    shown = found[-limit:] if limit else found
    if as_json:
        facts = {"matching": len(found), "summary": summary_facts(found), "letters": [*map(letter_facts, shown)]}
        print_json(facts)
    elif not found:
        say("There are no dead letters like that." if chosen != Wanted() else "There are no dead letters.")
    else:
        out.print(letters_table(shown, states=everything))
        if len(found) > len(shown):
            say(f"… the newest {count(len(shown))} of {count(len(found))}: --limit 0 lists all")
        out.print()
        out.print(summary_table(found))


@dead.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Its name, as it is listed.")],
    only_bytes: Annotated[
        bool, typer.Option("--bytes", help="The bytes as they came on stdout, nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter whole: where it came from, why it was refused, what to do, its headers and its bytes."""
    settings = resolve(load(), clickhouse=False)
    found, letter = asyncio.run(_one(settings, name))
    if only_bytes:
        sys.stdout.buffer.write(value_of(letter) or b"")
    elif as_json:
        print_json(whole_facts(letter, found.state))
    else:
        out.print(whole_text(letter, found.state), markup=False, soft_wrap=True)


@dead.command()
def replay(
    names: Names = None,
    reason: Reasons = None,
    topic: TopicNames = None,
    since: Since = "",
    until: Until = "",
    service: Service = None,
    contains: Contains = "",
    limit: Limit = 0,
    everything: Annotated[bool, typer.Option("--all", help="Every letter that waits.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed or dropped before.")] = False,
    through: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="Mend each by a command: bytes on its stdin, new ones back.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to the topics that they came from again; those that only did not land, to ClickHouse.

    Each once: what was sent again is noted in the same transaction. One that is refused again comes back as a new
    dead letter that says how often it was tried. Events of the past count as late: no alert is raised for them.
    """
    settings = resolve(load(), clickhouse=False)
    chosen = wanted(settings, names, reason, topic, since, until, service, contains)
    _refuse_nothing(chosen, everything, "replay")
    manner = Manner(limit, again=again, through=through, dry_run=dry_run, yes=yes, as_json=as_json)
    asyncio.run(replay_letters(settings, chosen, manner))


@dead.command()
def drop(
    names: Names = None,
    reason: Reasons = None,
    topic: TopicNames = None,
    since: Since = "",
    until: Until = "",
    service: Service = None,
    contains: Contains = "",
    limit: Limit = 0,
    everything: Annotated[bool, typer.Option("--all", help="Every letter that waits.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Decide that dead letters are not worth keeping: they are listed no more.

    Their bytes go when Kafka's retention takes them; until then `replay --again` can still send them.
    """
    settings = resolve(load(), clickhouse=False)
    chosen = wanted(settings, names, reason, topic, since, until, service, contains)
    _refuse_nothing(chosen, everything, "drop")
    asyncio.run(drop_letters(settings, chosen, Manner(limit, dry_run=dry_run, yes=yes, as_json=as_json)))


def _refuse_nothing(chosen: Wanted, everything: bool, verb: str) -> None:
    if chosen.says_nothing and not everything:
        raise FatalError(f"Say which dead letters to {verb}: by ID, by a filter such as --reason, or --all of them.")


async def _survey(settings: Settings, chosen: Wanted, quiet: bool) -> list[Found]:
    async with dead_reader(settings) as consumer:
        with nullcontext() if quiet else err.status("Reading the dead letters …"):
            return await survey(settings, consumer, chosen)


async def _one(settings: Settings, name: str) -> tuple[Found, DeadLetter]:
    async with dead_reader(settings) as consumer:
        found = await survey(settings, consumer, Wanted(ids=frozenset({parse_id(name)})))
        async for _, letter in letters_at(settings, consumer, [one.at for one in found]):
            return found[0], letter
    raise FatalError(f"There is no dead letter {name}. `pipeline dead list --all` shows what there is.")
