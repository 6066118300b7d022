"""``python -m bench``: measures speed, memory, recovery, time to alert, rules, long windows, landing, in a table."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from bench import landing, latency, long_windows, recovery, rules, throughput
from bench.figures import Figure, table
from bench.machine import is_busy, machine
from bench.report import report
from bench.stage import Stage, kafka, stage
from pipeline.errors import FatalError

MEASUREMENTS: dict[str, Callable[[Stage, int, int], Awaitable[list[Figure]]]] = {
    "throughput": lambda on, records, series: throughput.measure(on, records=records, series=series),
    "recovery": lambda on, records, series: recovery.measure(on, records=records, series=series),
    "latency": lambda on, _, series: latency.measure(on, series=series),
    "rules": lambda on, _, series: rules.measure(on, rules=RULES, series=series),
    "long windows": lambda on, _, series: long_windows.measure(on, series=series),
    "landing": lambda on, records, series: landing.measure(on, records=records, series=series),
}
"""What is measured, in this order, each on topics of its own."""


RULES = 1_000
_PLAIN_WIDTH = 140


def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--records", type=int, default=1_000_000, help="events on the topic, and of the hour of history"
    )
    parser.add_argument("--series", type=int, default=1_000, help="operations among them")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="leave the others out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file as well")
    chosen = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("The benchmarks read CPU time and memory from /proc: they want Linux.")
    # A topic that was made just now has no leader yet for a moment, and aiokafka warns of each try.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    console, where = Console(stderr=True), machine()
    if is_busy():
        console.print(f"[yellow]The machine is busy (load {where['load before']}): the figures will say little.[/]")
    try:
        figures = asyncio.run(measure_all(chosen.only or [*MEASUREMENTS], chosen.records, chosen.series, console))
    except FatalError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(
        table(figures, f"{chosen.records:,} records, {chosen.series:,} operations")
    )
    if chosen.json is not None:
        chosen.json.write_bytes(report(figures, f"python -m bench {_arguments(chosen)}".strip(), where))


async def measure_all(names: list[str], records: int, series: int, console: Console) -> list[Figure]:
    """Return the figures of the measurements of these names, one after the other."""
    figures: list[Figure] = []
    async with kafka(console) as (bootstrap, folder):
        for name in names:
            async with stage(bootstrap, folder, console) as on:
                on.say(f"[bold]{name}[/]")
                figures += await MEASUREMENTS[name](on, records, series)
    return figures


def _arguments(chosen: argparse.Namespace) -> str:
    only = " ".join(f"--only {name}" for name in chosen.only or [])
    return f"--records {chosen.records} --series {chosen.series} {only}".strip()


if __name__ == "__main__":
    main()
