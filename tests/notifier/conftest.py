"""Real counterparts of the channels."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.notifier.receiver import Receiver, http_receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver() as started:
        yield started


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
