"""Which step is next: one pane's length after the other, with a jump over spans in which nothing is in any window.

Only the last step that is due in such a span is looked at: a shard in which all is silent still notices the silence,
and alerts that wait for time to pass still end.
"""

from __future__ import annotations

from pipeline.core.late_steps import LateSteps
from pipeline.core.live_series import LiveSeries
from pipeline.core.pane_store import PaneStore
from pipeline.core.window_config import WindowConfig
from pipeline.core.windows import Windows


class Steps:
    """Where the windows of one shard stand, and up to where steps were emitted."""

    def __init__(self, config: WindowConfig, store: PaneStore, live: LiveSeries, late: LateSteps) -> None:
        self.windows: Windows | None = None
        self.emitted_ms: int | None = None
        self._config = config
        self._store = store
        self._live = live
        self._late = late

    def start(self, end_ms: int) -> Windows:
        """Begin with empty windows that end at `end_ms`, as if that step had been emitted."""
        self.emitted_ms = end_ms
        self.windows = Windows(self._config.windows, self._config.pane_ms, end_ms, self._store)
        return self.windows

    def begin(self, watermark_ms: int | None) -> None:
        """Begin where the watermark stands, if nothing has ever come: what is expected can only be missed at a step."""
        if self.windows is None and watermark_ms is not None and self._store.first_ms() is None:
            self.start(watermark_ms // self._config.pane_ms * self._config.pane_ms)

    def next_ms(self, watermark_ms: int | None) -> int | None:
        """Return the end of the next step that the watermark has passed; None if there is none yet.

        The first one ends the earliest pane known when the watermark passes it.
        """
        if watermark_ms is None:
            return None
        pane_ms, first_ms = self._config.pane_ms, self._store.first_ms()
        if self.windows is None and first_ms is not None and first_ms + pane_ms <= watermark_ms:
            self.start(first_ms)
        if self.windows is None or self.emitted_ms is None:
            return None
        self._jump(self.windows, self.emitted_ms, watermark_ms // pane_ms * pane_ms)
        end_ms = self.emitted_ms + pane_ms
        return end_ms if end_ms <= watermark_ms else None

    def emitted(self, end_ms: int) -> None:
        """A step has been emitted on time, or has nothing to be emitted."""
        self.emitted_ms = end_ms
        self._late.allow()
        self._live.forget(end_ms)
        if self.windows is not None:
            self.windows.changed()

    def _jump(self, windows: Windows, emitted_ms: int, through_ms: int) -> None:
        if windows.end_ms != emitted_ms or self._store.starts(emitted_ms - self._config.longest_ms, emitted_ms):
            return
        next_ms = self._store.next_ms(emitted_ms)
        # The last step of an empty span is looked at: alerts about silence begin there, and others end.
        to_ms = next_ms if next_ms is not None and next_ms <= through_ms else through_ms - self._config.pane_ms
        if to_ms > emitted_ms:
            windows.advance(to_ms)
            self.emitted(to_ms)
