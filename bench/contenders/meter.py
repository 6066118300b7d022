"""What a contender measures of itself: from the first event it sees to the last that it was asked for."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from bench.timeline import peak_mb


@dataclass
class Meter:
    """Starts at the first event, so that imports and joining the group are left out; reports at the last."""

    limit: int
    report: Path
    seen: int = 0
    _began_s: float = 0.0
    _began_cpu: float = 0.0
    _first: int = 0

    def saw(self, events: int) -> None:
        """Count events; at the limit write the report. Events of the first call were fetched before the start."""
        if not self.seen:
            self._began_s, self._began_cpu, self._first = time.monotonic(), _cpu_seconds(), events
        elif self.seen < self.limit <= self.seen + events:
            self._write(self.seen + events)
        self.seen += events

    def _write(self, seen: int) -> None:
        figures = {
            "events": seen - self._first,
            "seconds": time.monotonic() - self._began_s,
            "cpu_seconds": _cpu_seconds() - self._began_cpu,
            "peak_mb": peak_mb("self"),
        }
        part = self.report.with_suffix(".part")
        part.write_text(json.dumps(figures))
        part.replace(self.report)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
