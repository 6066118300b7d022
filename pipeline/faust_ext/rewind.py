"""Reading a partition again when something was skipped on the way to its agent."""

from __future__ import annotations

import logging
from typing import Any

from faust.types import TP

from pipeline.faust_ext.batch import Batch
from pipeline.faust_ext.clock import wall_ms

log = logging.getLogger(__name__)

AGAIN_MS = 5_000
"""What follows a hole keeps coming until the seek has taken effect; only after this long it is tried again."""


class Rewinder:
    """Compares where a batch was read from with where its owner stands."""

    def __init__(self) -> None:
        self._rewound_ms: dict[TP, int] = {}

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
