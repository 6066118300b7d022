"""Critical errors on their way to alerts: each is decided, kept and sent before the next one is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faust.types import TP

from pipeline.core import records
from pipeline.core.alert_signal import evaluate_signal, retire_for_signal
from pipeline.core.alert_state import AlertState
from pipeline.evaluator.keys import alert_key
from pipeline.evaluator.reading import read
from pipeline.evaluator.shard import Shard
from pipeline.evaluator.speaker import Speaker


async def take_signals(shard: Shard, tp: TP, fresh: Sequence[Any], speaker: Speaker) -> None:
    """Take in records of a shard's partition of `signals`. Counts within episodes are kept at the end, all at once."""
    counted: dict[bytes, AlertState] = {}
    for record in fresh:
        signal = read(records.decode_signal, tp, record)
        if signal is None:
            continue
        retired = retire_for_signal(shard.rules, signal, shard.states, shard.engine.watermark_ms)
        if retired.transitions:
            await speaker.keep(shard, retired)
        evaluation = evaluate_signal(shard.rules, signal, shard.states, shard.engine.watermark_ms)
        if any(transition.alert for transition in evaluation.transitions):
            await speaker.keep(shard, evaluation)
        else:
            speaker.take(shard, evaluation)
        counted |= {alert_key(transition.state): transition.state for transition in evaluation.transitions}
    await speaker.keep_counts(shard, counted)
