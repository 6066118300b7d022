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

log = logging.getLogger(__name__)

GC_THRESHOLD = (50_000, 20, 100)
"""Python's default makes the cyclic collector take half of the time: batches are many short-lived objects."""


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
    stopped in order. An app that does not stop within `stop_seconds` is left by ending the process: its state is in
    Kafka.
    """
    bind_to_running_loop(app)
    app.finalize()
    gc.set_threshold(*GC_THRESHOLD)
    ticking = asyncio.create_task(_tick_forever(app, tick, tick_seconds))
    try:
        await app.maybe_start()
        gc.freeze()
        await _until_stopped_or_broken(app, stop, ticking)
        if stop.is_set():
            await asyncio.wait_for(last(), stop_seconds)
    except TimeoutError:
        log.warning("the last commit took longer than %s s: the next start reads a little more again", stop_seconds)
    finally:
        ticking.cancel()
        await _stop_or_leave(app, stop_seconds)


async def _tick_forever(app: PipelineApp, tick: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        if is_ready(app):
            await tick()


def is_ready(app: PipelineApp) -> bool:
    """Whether the worker owns what it was assigned: no rebalance or recovery is going on."""
    return bool(app.flow_control.is_active() and not app.rebalancing and not app.in_recovery)


async def _until_stopped_or_broken(app: PipelineApp, stop: asyncio.Event, ticking: asyncio.Task[None]) -> None:
    stopped = asyncio.create_task(stop.wait())
    crashed = asyncio.create_task(app._crashed.wait())  # noqa: SLF001 - mode has no other way to wait for a crash
    try:
        await asyncio.wait({stopped, crashed, ticking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        crashed.cancel()
    if stop.is_set():
        return
    reason = app.crash_reason if app.crashed else ticking.exception()
    if isinstance(reason, PipelineError):
        raise reason
    raise FatalError(f"the worker broke: {reason!r}") from reason


async def _stop_or_leave(app: PipelineApp, stop_seconds: float) -> None:
    try:
        await asyncio.wait_for(app.stop(), stop_seconds)
    except TimeoutError:
        log.warning("did not stop within %s s: leaving; everything that counts is in Kafka", stop_seconds)
        logging.shutdown()
        os._exit(1 if app.crashed else 0)
