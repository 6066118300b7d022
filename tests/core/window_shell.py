"""The least that is needed around a window engine: offsets, versions, a table, and the right order of calls."""

from pipeline.core.block import COLUMN, pack
from pipeline.core.closed_pane import ClosedKey, ClosedPane
from pipeline.core.records import Mark, Marks, Snapshot
from pipeline.core.series import Series
from pipeline.core.step_view import Status, StepView
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.core.window_engine import WindowEngine
from tests.properties.window_oracle import Event, block_of

PAY, REFUND = Series("prod", "shop", "pay"), Series("prod", "shop", "refund")
PANE_MS = 10_000
SOURCE, OTHER = "events.operations-0", "events.operations-1"


class Shell:
    """One engine, and what the evaluator does with it."""

    def __init__(self, *sources: str, limit: int = 100) -> None:
        windows = {"20s": 20_000, "30s": 30_000}
        self.config = WindowConfig(shard=0, pane_ms=PANE_MS, windows=windows, series_limit=limit)
        self.sources = sources or (SOURCE,)
        self.table: dict[ClosedKey, bytes] = {}
        self.offset = 0
        self.engine = self.started()

    def started(self) -> WindowEngine:
        engine = WindowEngine(self.config, lambda start: [v for key, v in self.table.items() if key[0] == start])
        engine.set_sources(self.sources)
        return engine

    def snapshot(self, start_ms: int, *series: Series, source: str = SOURCE, version: int | None = None) -> None:
        block = pack(block_of([Event(source, 0, start_ms, name, 1_000) for name in series]))
        version = self.offset if version is None else version
        one = Snapshot(1, source, start_ms, PANE_MS, 0, 0, version, final=False, block=block)
        self.engine.on_snapshot(one, self.offset)
        self.offset += 1

    def mark(
        self, watermark_ms: int | None, closed_ms: int | None = None, source: str = SOURCE, *, idle: bool = False
    ) -> None:
        mark = Mark(1, source, self.offset, watermark_ms, closed_ms, idle, 0, 0, 0, 0)
        self.engine.on_marks(Marks("w", 0, [mark]), self.offset)
        self.offset += 1

    def emit(self) -> list[StepView]:
        """Emit all that is due."""
        return [*self.emit_on_time(), *self.emit_late()]

    def emit_on_time(self) -> list[StepView]:
        return [self.looked(end_ms, "on_time") for end_ms in self.engine.due_steps()]

    def emit_late(self) -> list[StepView]:
        return [self.looked(end_ms, "late") for end_ms in self.engine.late_steps()]

    def looked(self, end_ms: int, status: Status) -> StepView:
        view = self.engine.view(end_ms, status)
        view.window("20s"), view.window("30s")
        self.engine.emitted(view)
        return view

    def commit(self) -> WindowState:
        state = self.engine.commit_state()
        self.engine.committed(state)
        return state

    def close(self) -> list[ClosedPane]:
        self.engine.close_due(0)
        panes = self.engine.close_due(2_000)
        for pane in panes:
            self.table.update(pane.records())
            self.engine.closed(pane)
        return panes

    def restart(self, state: WindowState | None) -> None:
        self.engine = self.started()
        panes: dict[int, list[bytes]] = {}
        for key, value in self.table.items():
            panes.setdefault(key.pane_start_ms, []).append(value)
        self.engine.restore(panes, state)


def calls(view: StepView, window: str = "30s") -> dict[str, int]:
    column = view.window(window).scalars[:, COLUMN["calls"]].tolist()
    return {series.operation: count for series, count in zip(view.series, column, strict=True)}


def ends(views: list[StepView]) -> list[int]:
    return [view.end_ms for view in views]


def many(series: int) -> list[Series]:
    return [Series("prod", "shop", f"op{number:03}") for number in range(series)]
