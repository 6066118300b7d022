"""`pipeline aggregator`, `evaluator`, `lander` and `notifier`: one process against servers named in settings."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from pipeline.cli.configuration import load, require_named
from pipeline.cli.console import complain, warnings_to_log
from pipeline.errors import BlockedError, FatalError
from pipeline.settings import Settings
from pipeline.up.worker import EXIT_BLOCKED, EXIT_FATAL

Service = Callable[[Settings, asyncio.Event], Awaitable[None]]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True, help="Stop when stdin closes.")]

_INTERRUPTED = 130
_LIBRARIES = ("faust", "mode", "aiokafka")
"""They tell of every service that starts and every rebalance; our own lines say what matters of it."""
_log = logging.getLogger("pipeline")


def aggregator(supervised: Supervised = False) -> None:
    """Run one aggregator: events in, snapshots of panes, dead letters and signals out.

    Several share the partitions. Needs PIPELINE_KAFKA, or a running `pipeline up`.
    """
    _run("aggregator", "pipeline.aggregator.service", ("kafka",), supervised)


def evaluator(supervised: Supervised = False) -> None:
    """Run one evaluator: snapshots of panes in, stats of sliding windows and alerts out.

    Several share the partitions. Needs PIPELINE_KAFKA, or a running `pipeline up`.
    """
    _run("evaluator", "pipeline.evaluator.service", ("kafka",), supervised)


def lander(supervised: Supervised = False) -> None:
    """Run one lander: everything from Kafka into ClickHouse.

    Several share the partitions. Needs PIPELINE_KAFKA and PIPELINE_CLICKHOUSE, or a running `pipeline up`.
    """
    _run("lander", "pipeline.lander.service", ("kafka", "clickhouse"), supervised)


def notifier(supervised: Supervised = False) -> None:
    """Run one notifier: people are told of alerts, by the channels of PIPELINE_NOTIFICATIONS.

    Of several one works and the others stand by. Needs PIPELINE_KAFKA, or a running `pipeline up`.
    """
    _run("notifier", "pipeline.notifier.service", ("kafka",), supervised)


def _run(name: str, module: str, needs: tuple[str, ...], supervised: bool) -> None:
    settings = require_named(load(), name, needs)
    warnings_to_log(settings.log_level)
    if settings.log_level != "DEBUG":
        for library in _LIBRARIES:
            logging.getLogger(library).setLevel(logging.WARNING)
    if supervised:
        threading.Thread(target=_stop_with_parent, args=(settings.stop_seconds,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the loop listens: nothing has begun
    # Imported by name, here: Faust and all that comes with it takes a second that no other command should wait for.
    service: Service = getattr(importlib.import_module(module), f"run_{name}")
    try:
        code = asyncio.run(_until_told(name, service, settings))
    except FatalError as error:
        if not supervised:
            raise
        complain(str(error))
        code = EXIT_BLOCKED if isinstance(error, BlockedError) else EXIT_FATAL
    sys.exit(code)


async def _until_told(name: str, service: Service, settings: Settings) -> int:
    """Run a service until SIGINT or SIGTERM and return the exit code; leaves at once at the second signal.

    One that was told to stop has done so, also when servers that are away keep it from stopping in order: what is not
    committed is done again by the next start.
    """
    told: list[int] = []
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if told:
            os._exit(128 + number)
        told.append(number)
        threading.Thread(target=_end_after, args=(settings.stop_seconds + 1, _code(told)), daemon=True).start()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    running = asyncio.ensure_future(service(settings, stop))
    watching = asyncio.create_task(stop.wait())
    await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if not running.done():
        await asyncio.wait((running,), timeout=settings.stop_seconds)
    if not running.done():
        _log.warning(
            "the %s did not stop in order within %g s (PIPELINE_STOP_SECONDS) and is ended; the next start goes on "
            "from what is committed",
            *(name, settings.stop_seconds),
        )
        logging.shutdown()
        os._exit(_code(told))
    await running
    return _code(told)


def _end_after(seconds: float, code: int) -> None:
    """End the process: asyncio waits for threads that may wait for a server, without any limit."""
    threading.Event().wait(seconds)
    os._exit(code)


def _code(told: list[int]) -> int:
    return _INTERRUPTED if told == [signal.SIGINT] else 0


def _stop_with_parent(limit_seconds: float) -> None:
    """Wait until stdin closes, which is when the supervisor is gone, then stop this process."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(limit_seconds + 1)
    os._exit(1)
