"""A commit counts under the generation it was made for, or not at all: our commit with a fake of aiokafka's coordinator."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalGenerationError, RequestTimedOutError
from aiokafka.structs import TopicPartition
from faust.types import TP

from pipeline.faust_ext import consumer
from pipeline.faust_ext.consumer import BatchThread

HERE = TP("panes", 0)
GENERATION = 5


class FakeCoordinator:
    """Answers commits with what `answers` holds; each may change the generation, as a heartbeat does meanwhile."""

    def __init__(self, *answers: tuple[int, Exception | None]) -> None:
        self.generation = GENERATION
        self.sent_under: list[int] = []
        self._commit_lock = asyncio.Lock()
        self._answers = list(answers)

    async def ensure_coordinator_known(self) -> None:
        """It always is."""

    async def _do_commit_offsets(self, _: Any, __: Any) -> None:
        self.sent_under.append(self.generation)
        self.generation, error = self._answers.pop(0)
        if error is not None:
            raise error


async def commit(coordinator: FakeCoordinator, *, assigned: bool = True) -> bool:
    tps = {TopicPartition(*HERE)} if assigned else set()
    aiokafka = SimpleNamespace(_coordinator=coordinator, assignment=lambda: tps)
    thread: Any = SimpleNamespace(_ensure_consumer=lambda: aiokafka)
    return await BatchThread._commit_with_metadata(thread, GENERATION, {HERE: (7, "state")})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "COMMIT_AGAIN_SECONDS", 0)


async def test_a_commit_is_tried_again_until_the_broker_takes_it() -> None:
    coordinator = FakeCoordinator((GENERATION, RequestTimedOutError()), (GENERATION, None))
    assert await commit(coordinator)
    assert coordinator.sent_under == [GENERATION] * 2


@pytest.mark.parametrize("generation", [-1, GENERATION + 1])
async def test_a_commit_is_not_tried_again_under_another_generation_or_under_none(generation: int) -> None:
    coordinator = FakeCoordinator((generation, RequestTimedOutError()), (generation, None))
    assert not await commit(coordinator)
    assert coordinator.sent_under == [GENERATION]


async def test_a_commit_that_the_group_refuses_or_of_what_is_not_assigned_is_no_commit() -> None:
    assert not await commit(FakeCoordinator((GENERATION, IllegalGenerationError())))
    assert not await commit(FakeCoordinator((GENERATION, None)), assigned=False)


async def test_an_error_that_will_not_go_away_is_raised() -> None:
    with pytest.raises(ValueError, match="broken"):
        await commit(FakeCoordinator((GENERATION, ValueError("broken"))))
