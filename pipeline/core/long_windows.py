"""Long windows of one shard, of hours and days: they move by coarse panes, which closed panes add up to.

The same window engine, one level up: what was closed below comes in as a snapshot of its own, and what was closed up to
as the mark of one source. So a step of theirs is decided once, on the watermark, over what nothing can change any more.
Closed panes must be kept below until `kept_from_ms`: a restart reads them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.core.block import Block, pack
from pipeline.core.pane_store import Fetch
from pipeline.core.records import Mark, Marks, Snapshot
from pipeline.core.series import Series
from pipeline.core.window_config import WindowConfig, WindowState
from pipeline.core.window_engine import WindowEngine

_SOURCE = "closed panes"


class LongWindows:
    """All long windows of one shard. `config.pane_ms` is the length of a coarse pane, `fetch` as in `WindowEngine`.

    `engine` is to be used as one below is: emit due steps, commit, close panes, but for records, which come in here.
    """

    def __init__(self, config: WindowConfig, fetch: Fetch) -> None:
        self.engine = WindowEngine(config, fetch)
        self.engine.set_sources([_SOURCE])
        self._config = config
        self._offset = 0
        self._through_ms: int | None = None

    def closed(self, start_ms: int, blocks: Iterable[Block]) -> None:
        """Take in a pane that was closed below; one that was taken in before changes nothing."""
        coarse_ms = start_ms // self._config.pane_ms * self._config.pane_ms
        for part, block in enumerate(blocks):
            snapshot = Snapshot(
                epoch=1,
                source=str(start_ms),
                pane_start_ms=coarse_ms,
                pane_ms=self._config.pane_ms,
                shard=self._config.shard,
                part=part,
                version=1,
                final=True,
                block=pack(block),
            )
            self.engine.on_snapshot(snapshot, self._next_offset())

    def closed_through(self, end_ms: int) -> None:
        """Note that every pane below that ends by then is closed, and was taken in if it holds anything."""
        through_ms = end_ms // self._config.pane_ms * self._config.pane_ms
        if through_ms == self._through_ms:
            return
        self._through_ms = through_ms
        mark = Mark(
            1, _SOURCE, self._offset, through_ms, through_ms, idle=False, operations=0, errors=0, late=0, dead=0
        )
        self.engine.on_marks(Marks(_SOURCE, through_ms, [mark]), self._next_offset())

    def kept_from_ms(self) -> int:
        """Return the start of the first pane below that a restart needs: all later ones are not in coarse panes yet."""
        return self.engine.closed_through_ms or 0

    def restore(
        self,
        coarse: Mapping[int, Sequence[bytes]],
        state: WindowState | None,
        seen: Mapping[Series, int],
        panes: Iterable[tuple[int, Iterable[Block]]],
    ) -> None:
        """Rebuild the windows from the coarse panes in the table and from `panes` below, (start, blocks), ascending.

        Then `closed_through` is to be told as before, and steps come out that were not emitted yet.
        """
        self.engine.restore(coarse, state, seen)
        for start_ms, blocks in panes:
            if start_ms >= self.kept_from_ms():
                self.closed(start_ms, blocks)

    def _next_offset(self) -> int:
        self._offset += 1
        return self._offset - 1
