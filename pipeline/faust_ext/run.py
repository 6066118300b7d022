"""Runs a worker: starts its Faust app, ticks, and leaves when told or when something breaks."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable, Callable

from faust.contrib.asgi import bind_to_running_loop

from pipeline.errors import FatalError, PipelineError
from pipeline.faust_ext.app import PipelineApp
from pipeline.faust_ext.clock import wall_ms
from pipeline.faust_ext.outage import Outage
from pipeline.faust_ext.watchdog import Standstill, StuckError

log = logging.getLogger(__name__)

GC_THRESHOLD = (50_000, 20, 100)
"""Python's default makes the cyclic collector take half of the time: batches are many short-lived objects."""

GETTING_READY_MS = 60_000
"""So long a rebalance or a recovery may stand still while Kafka answers."""

LAST_SHARE, MARGIN_SHARE = 0.5, 0.1
"""Of the time to stop: for the last commit, and to spare. The rest is Faust's."""


async def run_worker(
    app: PipelineApp,
    stop: asyncio.Event,
    *,
    tick: Callable[[], Awaitable[None]],
    tick_seconds: float,
    last: Callable[[], Awaitable[None]],
    stop_seconds: float,
) -> None:
    """Run until `stop` is set (returns) or the app breaks (raises FatalError).

    `tick` is called again `tick_seconds` after it has returned, once the app is ready; `last` once before the app is
    stopped in order. An app that does not stop within `stop_seconds`, the last call included, is left by ending the
    process, with exit code 1 when something broke: its state is in Kafka.
    """
    bind_to_running_loop(app)
    app.finalize()
    gc.set_threshold(*GC_THRESHOLD)
    starting = asyncio.create_task(_start(app))
    ticking = asyncio.create_task(_tick_forever(app, tick, tick_seconds))
    broken: BaseException | None = None
    last_seconds, stop_seconds = stop_seconds * LAST_SHARE, stop_seconds * (1 - LAST_SHARE - MARGIN_SHARE)
    try:
        await _until_stopped_or_broken(app, stop, starting, ticking)
        if not await _within(last_seconds, last()):
            log.warning("the last commit took longer than %g s: the next start reads a little more again", last_seconds)
    except BaseException as error:
        broken = error
        raise
    finally:
        starting.cancel()
        ticking.cancel()
        await _stop_or_leave(app, stop_seconds, broken)


async def _start(app: PipelineApp) -> None:
    await app.maybe_start()
    gc.freeze()


async def _tick_forever(app: PipelineApp, tick: Callable[[], Awaitable[None]], seconds: float) -> None:
    outage, getting_ready = Outage(app.why_kafka_is_away), Standstill()
    while True:
        await asyncio.sleep(seconds)
        app.consumer.stay_in_group()
        ready = is_ready(app)
        try:
            if getting_ready.look(None if ready else _got_on(app), wall_ms()) > GETTING_READY_MS:
                getting_ready = Standstill()
                raise StuckError(f"a rebalance or a recovery has stood still for {GETTING_READY_MS // 1000} s")  # noqa: TRY301
            if ready:
                await outage.through(tick())
        except StuckError as error:
            if not await outage.is_on():
                raise FatalError(
                    f"{error}: the worker is stuck. It leaves, so that its supervisor starts a fresh one; its state is "
                    "in Kafka."
                ) from error


def _got_on(app: PipelineApp) -> tuple[int, int, int]:
    """Return what changes as long as a rebalance or the restoring of tables gets on."""
    return (app.rebalancing_count, app.consumer_generation_id, app.records_restored)


def is_ready(app: PipelineApp) -> bool:
    """Whether the worker owns what it was assigned: no rebalance or recovery is going on."""
    return bool(app.flow_control.is_active() and not app.rebalancing and not app.in_recovery)


async def _until_stopped_or_broken(
    app: PipelineApp, stop: asyncio.Event, starting: asyncio.Task[None], ticking: asyncio.Task[None]
) -> None:
    stopped = asyncio.create_task(stop.wait())
    crashed = asyncio.create_task(app._crashed.wait())  # noqa: SLF001 - mode has no other way to wait for a crash
    ends = {stopped, crashed, ticking}
    try:
        await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and starting.exception() is None:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        crashed.cancel()
    if stop.is_set():
        return
    broken = [task.exception() for task in (starting, ticking) if task.done()]
    reason = app.crash_reason if app.crashed else next(filter(None, broken))
    if isinstance(reason, PipelineError):
        raise reason
    raise FatalError(f"the worker broke: {reason!r}") from reason


async def _stop_or_leave(app: PipelineApp, stop_seconds: float, broken: BaseException | None) -> None:
    if await _within(stop_seconds, app.stop()):
        return
    log.warning("did not stop within %g s: leaving; everything that counts is in Kafka", stop_seconds)
    if broken is not None:
        log.critical("left because: %s", broken)
    logging.shutdown()
    os._exit(1 if broken is not None or app.crashed else 0)


async def _within(seconds: float, work: Awaitable[None]) -> bool:
    """Return whether something ended in time; it is cancelled if not, and not waited for: Faust's stop may refuse."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        return False
    task.result()
    return True
