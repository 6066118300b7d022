"""One run of the machine: servers, workers, load and faults, until everything has settled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from faults.actions.registry import ACTIONS
from faults.actions.site import RULES, Site
from faults.crew import Crew
from faults.excuses import unexplained
from faults.facts import Fault, FinishedRun
from faults.lag import lag
from faults.load.child import Load
from faults.load.orders import Orders
from faults.progress import Progress
from faults.schedule import CALM_SECONDS, QUIET_SECONDS, SPECS, Step, load_seconds, storms
from faults.servers import Servers
from faults.verdict.watch import Watch
from pipeline.faust_ext.clock import wall_ms
from pipeline.lander.preparing import prepare_history
from pipeline.settings import Settings
from pipeline.topic_admin import ensure_topics
from pipeline.topics import topics_of

SERIES = 1_000
_LOOK_SECONDS = 0.5
_LAG_SECONDS = 5.0
_BREATH_SECONDS = 6.0
_TOUCHES = {spec.name: spec.touches for spec in SPECS}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do."""

    seed: int
    minutes: float
    rate: float
    counts: dict[str, int]
    steps: tuple[Step, ...]
    module: str


@asynccontextmanager
async def running(home: Path, plan: Plan, progress: Progress) -> AsyncIterator[tuple[FinishedRun, Watch]]:
    """Do a run, and give its facts while everything is still up; nothing is left when the body ends."""
    settings = Settings(home=home, partitions=8, windows=("30s", "1m", "5m", "1h"), clickhouse=None, kafka=None)
    servers = Servers(home, settings, disk_bytes(plan))
    crew = Crew(servers.behind, plan.counts, RULES[0], plan.module)
    load = Load(_orders(servers.direct, plan), home / "load.log")
    try:
        progress.begin("Starting Kafka and ClickHouse")
        await servers.start()
        await ensure_topics(servers.direct)
        await prepare_history(servers.direct, asyncio.Event())
        progress.begin("Starting the workers")
        async with crew.at_work(), _watched(servers, load, progress), Watch(servers.direct) as watch:
            site = Site(servers, crew, servers.direct)
            yield await _run(site, plan, load, watch, progress), watch
            progress.begin("Ending")
    finally:
        load.kill()
        await servers.end()


def disk_bytes(plan: Plan) -> int:
    """How large each server's disk is made: about three times of what it will hold."""
    return 1_500_000_000 + int(plan.rate * plan.minutes * 60 * 150)


def rules_used(run: FinishedRun) -> list[Path]:
    """The rules files that the evaluators had in a run."""
    return list(RULES if any(fault.name == "rules_change" for fault in run.faults) else RULES[:1])


async def _run(site: Site, plan: Plan, load: Load, watch: Watch, progress: Progress) -> FinishedRun:
    progress.sent = lambda: load.said.sent
    loop = asyncio.get_running_loop()
    began_ms, began_s = wall_ms(), loop.time()
    await load.start()
    progress.begin("Load and faults")
    faults = await _do_all(site, plan.steps, began_s, watch, progress)
    # Faults may take longer than planned: what follows them is to see some load all the same.
    await asyncio.sleep(max(CALM_SECONDS / 2, began_s + load_seconds(plan.minutes) - loop.time()))
    progress.begin("The load stops")
    accounts = await load.stop()
    progress.begin("Quiet: everything is to settle")
    await asyncio.sleep(QUIET_SECONDS)
    odd = unexplained(site.crew.exits, faults)
    return FinishedRun(
        settings=site.settings,
        seed=plan.seed,
        began_ms=began_ms,
        ended_ms=wall_ms(),
        faults=tuple(faults),
        producers=accounts,
        unexpected=tuple(f"{one.worker} left with exit code {one.code}:\n{one.tail}" for one in odd),
    )


async def _do_all(site: Site, steps: Sequence[Step], began_s: float, watch: Watch, progress: Progress) -> list[Fault]:
    """Do every fault at its time, some at once; return them in the order of their ends."""
    faults: list[Fault] = []
    turns = {name: asyncio.Lock() for name in ("kafka", "clickhouse")}

    async def do(step: Step) -> None:
        await _until(began_s + step.at_s)
        async with contextlib.AsyncExitStack() as held:
            for name in sorted(turns.keys() & _TOUCHES[step.name]):  # the one before may take longer than planned
                await held.enter_async_context(_turn(turns[name]))
            what = f"{step.name} {step.target}"
            progress.fault_begins(what)
            fault = await ACTIONS[step.name](site, step)
        faults.append(fault)
        watch.fault(fault)
        progress.fault_ends(what, fault.detail)

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(do(step))
    return faults


@asynccontextmanager
async def _watched(servers: Servers, load: Load, progress: Progress) -> AsyncIterator[None]:
    """Cancel the body and raise FatalError when a server or the load ends by itself."""

    async def look() -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            servers.kafka.assert_alive()
            servers.clickhouse.assert_alive()
            load.assert_alive()

    async def measure() -> None:
        while True:
            progress.lag = await lag(servers.direct)
            await asyncio.sleep(_LAG_SECONDS)

    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(look()), group.create_task(measure())]
        yield
        for task in beside:
            task.cancel()


@asynccontextmanager
async def _turn(lock: asyncio.Lock) -> AsyncIterator[None]:
    """Hold a server; the next fault of it comes a little after the end of this one."""
    waits = lock.locked()
    async with lock:
        if waits:
            await asyncio.sleep(_BREATH_SECONDS)
        yield


async def _until(at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))


def _orders(settings: Settings, plan: Plan) -> Orders:
    topics = topics_of(settings)
    return Orders(
        bootstrap=settings.kafka or "",
        operations=topics.operations,
        errors=topics.errors,
        seed=plan.seed,
        rate=plan.rate,
        series=SERIES,
        storms_s=storms(plan.seed, load_seconds(plan.minutes)),
    )
