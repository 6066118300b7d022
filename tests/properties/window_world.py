"""A small world around one window engine: sources that write `panes`, the log, the table, commits and crashes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.core.block import pack
from pipeline.core.closed_pane import ClosedKey
from pipeline.core.records import Mark, Marks, PanesRecord, Snapshot
from pipeline.core.series import Series
from pipeline.core.step_view import Status, StepView
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.core.window_engine import WindowEngine
from tests.properties.window_oracle import Event, Figures, block_of, figures, shown

PANE_MS = 10
WINDOWS = {"two": 20, "five": 50}
LONGEST_MS = 50
DISORDER_MS = 4
LATENESS_MS = 25
CONFIG = WindowConfig(shard=0, pane_ms=PANE_MS, windows=WINDOWS, series_limit=100, close_grace_ms=5, early_lag_ms=10**6)
Emission = dict[str, Figures | None]


@dataclass
class Source:
    """One source partition, as phase 1 keeps it."""

    name: str
    events: list[Event] = field(default_factory=list)
    newest_ms: int | None = None
    closed_ms: int = 0
    offset: int = 0
    dirty: set[int] = field(default_factory=set)
    idle: bool = False

    @property
    def watermark_ms(self) -> int | None:
        return None if self.newest_ms is None else self.newest_ms - DISORDER_MS

    def add(self, timestamp_ms: int, series: Series, latency_us: int, *, success: bool, status_code: int) -> None:
        """An event comes; after its pane was closed it is late and does not count."""
        self.idle = False
        pane_ms = timestamp_ms // PANE_MS * PANE_MS
        if pane_ms + PANE_MS > self.closed_ms:
            event = Event(self.name, self.offset, timestamp_ms, series, latency_us, success, status_code)
            self.events.append(event)
            self.dirty.add(pane_ms)
        self.offset += 1
        self.advance(timestamp_ms)

    def advance(self, to_ms: int) -> None:
        self.newest_ms = max(self.newest_ms or 0, to_ms)

    def flush(self) -> Iterable[PanesRecord]:
        """The snapshots of changed panes, then the mark; panes close only with their last snapshot sent."""
        for pane_ms in sorted(self.dirty):
            inside = [event for event in self.events if event.timestamp_ms // PANE_MS * PANE_MS == pane_ms]
            block = pack(block_of(inside))
            yield Snapshot(1, self.name, pane_ms, PANE_MS, 0, 0, inside[-1].offset, final=False, block=block)
        self.dirty.clear()
        watermark_ms = self.watermark_ms
        if watermark_ms is not None:
            self.closed_ms = max(self.closed_ms, (watermark_ms - LATENESS_MS) // PANE_MS * PANE_MS)
        closed_ms = None if watermark_ms is None else self.closed_ms
        mark = Mark(1, self.name, self.offset, watermark_ms, closed_ms, self.idle, 0, 0, 0, 0)
        yield Marks("w", 0, [mark])


class World:
    """Everything outside of the engine, and checks of all that it emits."""

    def __init__(self, sources: int, config: WindowConfig = CONFIG) -> None:
        self.config = config
        self.sources = [Source(f"events.operations-{number}") for number in range(sources)]
        self.log: list[PanesRecord] = []
        self.table: dict[ClosedKey, bytes] = {}
        self.ever_closed: dict[ClosedKey, bytes] = {}
        self.commit: tuple[int, WindowState] | None = None
        self.emitted: dict[tuple[int, int, Series], Emission] = {}
        self.now_ms = 0
        self.read = self.furthest = 0
        self.watermark_ms = self.frontier_ms = -1
        self.engine = self.start()

    def start(self) -> WindowEngine:
        engine = WindowEngine(self.config, self.fetch)
        engine.set_sources({source.name for source in self.sources})
        if self.commit is not None or self.table:
            panes = defaultdict(list)
            for key, value in self.table.items():
                panes[key.pane_start_ms].append(value)
            engine.restore(panes, self.commit[1] if self.commit else None)
        self.read = self.commit[0] if self.commit else 0
        return engine

    def fetch(self, pane_start_ms: int) -> list[bytes]:
        return [value for key, value in self.table.items() if key.pane_start_ms == pane_start_ms]

    def flush(self, source: int) -> None:
        self.log.extend(self.sources[source].flush())

    def repeat(self, place: int) -> None:
        """A zombie, or a producer's retry: an old record once more."""
        if self.log:
            self.log.append(self.log[place % len(self.log)])

    def poll(self, at_most: int = 10**9) -> None:
        for offset in range(self.read, min(len(self.log), self.read + at_most)):
            record = self.log[offset]
            self.read = offset + 1
            self.furthest = max(self.furthest, self.read)
            if isinstance(record, Snapshot):
                self.engine.on_snapshot(record, offset)
                continue
            self.engine.on_marks(record, offset)
            for end_ms in self.engine.due_steps():
                self.emit(end_ms, "on_time")
            for end_ms in self.engine.late_steps():
                self.emit(end_ms, "late")
        self.check_progress()

    def emit(self, end_ms: int, status: Status) -> None:
        view = self.engine.view(end_ms, status)
        self.check(view)
        found = {name: shown(view.series, view.window(name)) for name in view.window_names}
        for series in view.series:
            content: Emission = {name: of_all.get(series) for name, of_all in found.items()}
            key = (end_ms, view.revision, series)
            assert self.emitted.setdefault(key, content) == content, f"another content of {key}"
        self.engine.emitted(view)

    def early(self) -> None:
        end_ms = self.engine.early_end()
        if end_ms is not None:
            self.check(self.engine.view(end_ms, "early"))

    def check(self, view: StepView) -> None:
        """The view shows what brute force over the events known so far shows.

        (Not an early one while a restart reads again: closed panes hold more by then than the log up to here.)
        """
        if view.status == "early" and self.read < self.furthest:
            return
        known = self.known_events()
        for name, size_ms in self.config.windows.items():
            expected = figures(known, view.end_ms - size_ms, view.end_ms, PANE_MS)
            found = shown(view.series, view.window(name))
            if view.status == "late":
                expected = {series: each for series, each in expected.items() if series in set(view.series)}
            assert found == expected, (view.status, view.end_ms, name)
        assert view.series == sorted(set(view.series))

    def known_events(self) -> list[Event]:
        """The events in the newest snapshots of the log up to where the engine has read."""
        newest: dict[tuple[str, int], int] = {}
        for record in self.log[: self.read]:
            if isinstance(record, Snapshot):
                key = (record.source, record.pane_start_ms)
                newest[key] = max(record.version, newest.get(key, -1))
        return [
            event
            for source in self.sources
            for event in source.events
            if event.offset <= newest.get((event.source, event.timestamp_ms // PANE_MS * PANE_MS), -1)
        ]

    def commit_now(self) -> None:
        state, held = self.engine.commit_state(), self.engine.held_back_offset()
        self.commit = (self.engine.position if held is None else held, state)
        self.engine.committed(state)

    def close(self, tick_ms: int, *, crash_before_told: bool = False) -> None:
        self.now_ms += tick_ms
        for pane in self.engine.close_due(self.now_ms):
            for key, value in pane.records():
                assert self.ever_closed.setdefault(key, value) == value, f"other bytes for {key}"
                self.table[key] = value
            if crash_before_told:
                self.crash()
                return
            self.engine.closed(pane)
        for key in self.engine.expired():
            del self.table[key]
        self.check_progress()

    def crash(self) -> None:
        self.engine = self.start()

    def check_progress(self) -> None:
        """Watermark and frontier never go back; after a restart, once everything was read again."""
        state = self.engine.commit_state()
        if self.read == self.furthest:
            assert (state.watermark_ms or -1) >= self.watermark_ms
            self.watermark_ms = state.watermark_ms or -1
        if state.frontier_ms is not None and self.commit is not None:
            self.frontier_ms = max(self.frontier_ms, self.commit[1].frontier_ms or -1)
            assert state.frontier_ms >= self.frontier_ms

    def finish(self) -> None:
        """Everybody goes idle until every window is empty and every pane closed."""
        end_ms = max((source.newest_ms or 0 for source in self.sources), default=0)
        for to_ms in range(end_ms, end_ms + 4 * LONGEST_MS, PANE_MS):
            for number, source in enumerate(self.sources):
                source.idle = True
                if source.newest_ms is not None:
                    source.advance(to_ms)
                self.flush(number)
            self.poll()
            self.commit_now()
            self.close(10)
            self.close(10)

    def final(self) -> dict[tuple[int, Series], Emission]:
        """The last content of every step and series."""
        last: dict[tuple[int, Series], tuple[int, Emission]] = {}
        for (end_ms, revision, series), content in self.emitted.items():
            if revision >= last.get((end_ms, series), (-1, {}))[0]:
                last[end_ms, series] = (revision, content)
        return {key: content for key, (_, content) in last.items()}
