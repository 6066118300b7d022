"""Reading a partition again when something was skipped on the way to its agent."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from faust.types import TP

from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.clock import wall_ms

log = logging.getLogger(__name__)

AGAIN_MS = 5_000
"""What follows a hole keeps coming until the seek has taken effect; only after this long it is tried again."""

LOST_MS = 30_000
"""What was handed to an agent's stream and has not come for so long was skipped. Batches of other partitions before it
take a while too, when there is a backlog."""


class Rewinder:
    """Compares where a batch was read from with where its owner stands."""

    def __init__(self) -> None:
        self._rewound_ms: dict[TP, int] = {}
        self._waiting: dict[TP, tuple[int, int]] = {}  # position that waits for what was delivered, since when

    async def fits(self, app: Any, batch: Batch, next_offset: int) -> bool:
        """Return whether a batch goes on from `next_offset` or has something after it; a hole before it is read again.

        Faust's streams skip messages silently in the middle of a rebalance or a recovery.
        """
        if batch.fetched_from <= next_offset:
            return batch.next_offset > next_offset
        now_ms = wall_ms()
        if now_ms - self._rewound_ms.get(batch.tp, 0) >= AGAIN_MS:
            log.warning("%s-%d: offsets from %d on were skipped on the way; reading them again", *batch.tp, next_offset)
            self._rewound_ms[batch.tp] = now_ms
            await app.consumer.rewind(batch.tp, next_offset)
        return False

    async def look(self, app: Any, positions: Mapping[TP, int], now_ms: int) -> None:
        """Read again what was delivered and never came, when nothing follows that would show the hole.

        `positions` has where each partition's owner stands. Batches that come twice are passed over by `fits`.
        """
        self._waiting = {tp: since for tp, since in self._waiting.items() if tp in positions}
        for tp, position in positions.items():
            delivered_to = app.consumer.next_fetch(tp)
            if delivered_to is None or delivered_to <= position:
                self._waiting.pop(tp, None)
                continue
            known, since_ms = self._waiting.setdefault(tp, (position, now_ms))
            if known != position:
                self._waiting[tp] = (position, now_ms)
            elif now_ms - since_ms >= LOST_MS:
                log.warning("%s-%d: offsets %d to %d never came; reading them again", *tp, position, delivered_to - 1)
                self._waiting[tp] = (position, now_ms)
                await app.consumer.rewind(tp, position)
