"""Shows how a download of many files goes: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_LINE_EVERY_SECONDS = 3.0
_MB = 1_000_000


class FetchProgress:
    """Counts files and bytes from any thread, and shows them until the block ends."""

    def __init__(self, console: Console, files: int) -> None:
        self._console = console
        self._files = files
        self._done = 0
        self._bytes = 0
        self._lock = threading.Lock()
        self._started = self._line_at = time.monotonic()
        self._bar = Progress(
            TextColumn("Kafka, once:"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("jars, {task.fields[megabytes]:.1f} MB"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=files, megabytes=0.0)

    def add_bytes(self, count: int) -> None:
        """So many bytes more have come."""
        with self._lock:
            self._bytes += count
        self._show()

    def add_file(self) -> None:
        """One file more is complete."""
        with self._lock:
            self._done += 1
        self._show()

    def _show(self) -> None:
        self._bar.update(self._task, completed=self._done, megabytes=self._bytes / _MB)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._line_at >= _LINE_EVERY_SECONDS:
            self._line_at = now
            self._console.print(f"Kafka's jars: {self._done} of {self._files}, {self._bytes / _MB:.1f} MB")

    def __enter__(self) -> Self:
        if not self._console.is_terminal:
            self._console.print(f"Kafka's jars: fetching {self._files}, once")
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if error is None:
            spent = time.monotonic() - self._started
            self._console.print(f"Kafka's jars: {self._files} fetched, {self._bytes / _MB:.1f} MB in {spent:.0f} s")
