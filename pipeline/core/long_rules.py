"""Rules over the long windows of a history that is in memory: closed panes in, what each step decides out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_state import AlertStates
from pipeline.core.alert_transition import Evaluation
from pipeline.core.closed_pane import ClosedPane
from pipeline.core.frontier import Frontier
from pipeline.core.long_windows import LongWindows
from pipeline.core.pane_table import PaneTable
from pipeline.core.series import Series
from pipeline.core.window_config import WindowConfig, WindowState


class LongRules:
    """What the evaluator does with the long windows of a shard, without anything that can be lost in between.

    `frontier` is that of the short windows: what was missing below is missing here. Steps up to `decides_after_ms` only
    fill the windows.
    """

    def __init__(
        self, config: WindowConfig, rules: CompiledRules, frontier: Frontier, decides_after_ms: int | None = None
    ) -> None:
        self._config = config
        self._rules = rules
        self._frontier = frontier
        self._decides_after_ms = decides_after_ms
        self.states = AlertStates()
        self._table = PaneTable()
        self._windows = LongWindows(config, self._table.fetch)

    def begin(self, at_ms: int, seen: Mapping[Series, int]) -> None:
        """Begin in the middle of a history; `seen`: when series that have no event from there on had their last."""
        whole_ms = at_ms // self._config.pane_ms * self._config.pane_ms
        self._windows.restore({}, WindowState(whole_ms, whole_ms, whole_ms, 0, 0), seen, ())

    def closed(self, pane: ClosedPane) -> None:
        """Take in a pane that was closed below."""
        self._windows.closed(pane.start_ms, [pane.block])

    def closed_through(self, end_ms: int) -> Iterator[Evaluation]:
        """Yield what the steps decide that come due once all panes below that end by then are closed."""
        engine = self._windows.engine
        self._windows.closed_through(end_ms)
        stepped = False
        for step_ms in engine.due_steps():
            view = engine.view(step_ms, "on_time")
            view.completeness = self._frontier.completeness(step_ms)
            if self._decides_after_ms is None or step_ms > self._decides_after_ms:
                evaluation = evaluate(self._rules, view, self.states)
                take(self.states, evaluation)
                yield evaluation
            engine.emitted(view)
            stepped = True
        if not stepped:
            return  # nothing has changed since the last step
        engine.committed(engine.commit_state())
        for pane in engine.close_due(end_ms):
            self._table.put(pane)
            engine.closed(pane)
        self._table.delete(engine.expired())
        for key in self.states.forgettable(end_ms):
            self.states.forget(key)
