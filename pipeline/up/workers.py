"""The workers together: started, watched, stopped; and the file that says where everything is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.up.runfile import remove_running, write_running
from pipeline.up.worker import Worker

ALWAYS = ("aggregator", "evaluator", "lander")


def names(settings: Settings) -> tuple[str, ...]:
    """Return the workers of a pipeline; a notifier only where there is a notifications file."""
    return (*ALWAYS, *(("notifier",) if settings.notifications else ()))


@asynccontextmanager
async def workers(
    settings: Settings, tell: Callable[[str], None], also: Callable[[], Coroutine[None, None, None]]
) -> AsyncIterator[list[Worker]]:
    """Run every worker, and `also` beside them, while the body runs; stop all when it ends, however it ends.

    Raises FatalError, and cancels the body, when a worker cannot start or `also` raises it.
    """
    running: list[Worker] = []

    def changed() -> None:
        pids = {worker.name: worker.pid for worker in running if worker.pid}
        write_running(settings, settings.kafka or "", settings.clickhouse or "", pids)

    running += [Worker(name, settings, tell, changed) for name in names(settings)]
    changed()
    try:
        async with asyncio.TaskGroup() as group:
            for worker in running:
                group.create_task(worker.run())
            beside = group.create_task(also())
            try:
                yield running
            finally:
                beside.cancel()
                await asyncio.gather(*(worker.stop() for worker in running))
    except BaseExceptionGroup as errors:
        fatal, _ = errors.split(FatalError)
        raise _first(fatal or errors) from None
    finally:
        remove_running(settings)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """Return the first error in a group of groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
