"""``python -m faults``: breaks everything under load, and accounts for every event.

Exit code 0: nothing was lost or counted twice; 1: something was; 2: the machine itself failed, and says why.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from faults.actions.registry import ACTIONS
from faults.progress import Progress
from faults.run import Plan, disk_bytes, rules_used, running
from faults.schedule import schedule, unknown
from faults.verdict.judge import judge
from faults.verdict.verdict import Verdict
from pipeline.errors import FatalError

_PLAIN_WIDTH = 160
_LEAST_MINUTES = 2.5
_FAILED = 2
_INTERRUPTED = 130
_SETTLE_SECONDS = 900.0  # it ends as soon as all has settled


def machine(
    minutes: Annotated[float, typer.Option(help=f"How long, at least {_LEAST_MINUTES}.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Repeats a run's faults and events. By default any.")] = None,
    rate: Annotated[float, typer.Option(help="Events each second, over all producers.")] = 20_000.0,
    only: Annotated[str, typer.Option(help="Names of faults, with commas; all others are left out.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=3, help="Aggregators, and evaluators.")] = 2,
    keep: Annotated[Path | None, typer.Option(help="Folder to work in; everything stays there.")] = None,
    json: Annotated[Path | None, typer.Option(help="File for the verdict as JSON.")] = None,
    recovery: Annotated[float, typer.Option(help="Seconds within which whoever was hit must have caught up.")] = 60.0,
    module: Annotated[str, typer.Option(help="What is run as a worker: a pipeline broken on purpose, say.")] = (
        "pipeline.cli.main"
    ),
) -> None:
    """Break everything under load, and account for every event."""
    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    try:
        plan = _plan(console, minutes, seed, rate, only, workers, module)
        judging = partial(judge, settle_seconds=_SETTLE_SECONDS, recovery_limit_seconds=recovery)
        code = asyncio.run(_until_signalled(_machine(plan, keep, json, console, judging), console))
    except* FatalError as errors:
        console.print(f"[red]The machine failed:[/] {_first(errors)}", highlight=False, markup=True)
        code = _FAILED
    except* Exception as errors:  # noqa: BLE001 - whatever it is, it is no verdict
        traceback.print_exception(_first(errors))
        code = _FAILED
    sys.exit(code)


def _plan(
    console: Console, minutes: float, seed: int | None, rate: float, only: str, workers: int, module: str
) -> Plan:
    names = [name.strip() for name in only.split(",") if name.strip()]
    if wrong := unknown(names):
        raise FatalError(f"--only {', '.join(wrong)}: there is no such fault. There are {', '.join(ACTIONS)}.")
    if minutes < _LEAST_MINUTES:
        raise FatalError(f"--minutes {minutes:g} is too short: {_LEAST_MINUTES:g} at least.")
    seed = random.randrange(10**6) if seed is None else seed
    counts = {"aggregator": workers, "evaluator": workers, "lander": max(1, workers - 1)}
    steps, left = schedule(seed, minutes, counts, names)
    asked = f"--rate {rate:g} --workers {workers}" + (f" --only {only}" if only else "")
    again = f"python -m faults --minutes {minutes:g} --seed {seed} {asked}"
    console.print(f"[bold]Seed {seed}[/]: {len(steps)} faults in {minutes:g} minutes. Again: {again}", highlight=False)
    if left:
        console.print(f"[yellow]There is no time for {', '.join(left)}.[/]", highlight=False)
    return Plan(seed, minutes, rate, counts, steps, module)


async def _until_signalled(work: Coroutine[Any, Any, int], console: Console) -> int:
    """Do the run; Ctrl-C and SIGTERM end it in order, once is enough."""
    task = asyncio.ensure_future(work)
    told: list[int] = []

    def on_signal(number: int) -> None:
        if not told:
            console.print("Ending …")
            task.cancel()
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        return _INTERRUPTED


async def _machine(
    plan: Plan, keep: Path | None, json: Path | None, console: Console, judging: Callable[..., Awaitable[Verdict]]
) -> int:
    home = (keep or Path(tempfile.mkdtemp(prefix="faults-"))).resolve()
    home.mkdir(parents=True, exist_ok=True)
    _assert_room(home, plan)
    progress = Progress(console, plan.minutes * 60)
    passed = False
    try:
        async with progress.shown(), running(home, plan, progress) as (run, watch):
            progress.begin("The verdict")
            verdict = await judging(run, watch, rules=rules_used(run))
            passed = verdict.passed
        verdict.print(console)
        if json is not None:
            await asyncio.to_thread(json.write_text, verdict.to_json())
    finally:
        if keep is None:
            _clear(home, passed=passed, console=console)
    return 0 if passed else 1


def _assert_room(home: Path, plan: Plan) -> None:
    needed, free = disk_bytes(plan), shutil.disk_usage(home).free
    if free < needed:
        raise FatalError(
            f"{home} has {free >> 20} MiB free, a run of {plan.minutes:g} minutes needs {needed >> 20}. Make room, "
            "choose another disk with --keep FOLDER or TMPDIR=FOLDER, or take fewer minutes or a lower --rate."
        )


def _clear(home: Path, *, passed: bool, console: Console) -> None:
    """Remove a run's folder; what the workers said stays where something was wrong."""
    if passed:
        shutil.rmtree(home, ignore_errors=True)
        return
    for server in ("kafka/kafka-data", "clickhouse/clickhouse", "workers"):
        shutil.rmtree(home / server, ignore_errors=True)
    console.print(f"The logs are in {home}.", highlight=False)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> None:
    """Run the command, with none of this environment's settings of the pipeline."""
    for name in [name for name in os.environ if name.startswith("PIPELINE_") and name != "PIPELINE_CACHE"]:
        del os.environ[name]
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it finds broken is broken on purpose
    typer.run(machine)


if __name__ == "__main__":
    main()
