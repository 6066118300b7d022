"""Work that is cut short is as if it had never begun: what it took out of memory is not committed past."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from pipeline.aggregator.owner import Aggregator
from pipeline.evaluator.owner import Evaluator
from pipeline.faust_ext.undivided import Undivided
from pipeline.settings import Settings
from pipeline.topics import topics_of

SETTINGS = Settings(partitions=1)
TOPICS = topics_of(SETTINGS)


class Broker:
    """Takes commits; whatever is delivered to it is refused, or never acknowledged."""

    def __init__(self, answer: Callable[[], Awaitable[None]]) -> None:
        self.answer = answer
        self.commits: list[Mapping[TP, tuple[int, str]]] = []

    async def commit_with_metadata(self, _: int, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        self.commits.append(offsets)
        return True

    def at_end(self, *_: Any) -> bool:
        return False

    def next_fetch(self, _: TP) -> int | None:
        return None

    async def deliver(self, records: Any) -> None:
        if list(records):
            await self.answer()


async def refused() -> None:
    raise ConnectionError("refused")


async def never() -> None:
    await asyncio.Event().wait()


async def cut_short(work: Awaitable[None]) -> None:
    """Let work run until it waits or fails; end it there."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    with pytest.raises((ConnectionError, asyncio.CancelledError)):
        await task


@pytest.mark.parametrize("answer", [refused, never])
async def test_an_aggregator_whose_records_did_not_arrive_commits_nothing_when_it_leaves(
    answer: Callable[[], Awaitable[None]],
) -> None:
    aggregator, broker, here = Aggregator(SETTINGS), Broker(answer), TP(TOPICS.operations, 0)
    aggregator.app = SimpleNamespace(consumer=broker, producer=broker)
    await aggregator.restore({here: None}, {here: 0}, generation=1)
    aggregator._pending[here] = [cast(Any, "a dead letter")]
    aggregator._watchdog = aggregator._rewinder = cast(Any, Idle())
    await cut_short(aggregator.settle())
    asked = broker.commits.copy()  # whether the partitions are still ours: what was committed before, once more
    assert all(offset == 0 for offsets in asked for offset, _ in offsets.values())
    await aggregator.release()
    assert broker.commits == asked
    assert aggregator.partitions == {}


@pytest.mark.parametrize("answer", [refused, never])
async def test_an_evaluator_whose_records_did_not_arrive_commits_nothing_when_it_leaves(
    answer: Callable[[], Awaitable[None]],
) -> None:
    evaluator, broker = Evaluator(SETTINGS, []), Broker(answer)
    evaluator._generation = 1
    evaluator.lease = cast(Any, Idle())
    evaluator.shards = {0: cast(Any, "a shard")}

    async def settle(_: int) -> None:
        await broker.deliver(["statistics"])
        await broker.commit_with_metadata(1, {})

    evaluator._settle = settle  # type: ignore[assignment, method-assign]  # all that it does, but for the shard
    evaluator._watch = Idle().look  # type: ignore[method-assign]
    await cut_short(evaluator.tick())
    await evaluator.release()
    assert broker.commits == []
    assert evaluator.shards == {}


class Idle:
    """Has nothing to say."""

    def check(self, *_: Any) -> None:
        return

    async def look(self, *_: Any, **__: Any) -> None:
        return

    async def holds(self) -> bool:
        return True


async def test_work_that_comes_to_its_end_is_remembered_and_one_at_a_time() -> None:
    forgot: list[str] = []
    undivided, order = Undivided(lambda: forgot.append("everything")), list[str]()

    async def work(name: str) -> None:
        async with undivided:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await asyncio.gather(work("one"), work("two"))
    assert order == ["one begins", "one ends", "two begins", "two ends"]
    assert forgot == []
