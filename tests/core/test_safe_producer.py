"""Nothing counts as sent before the broker has it: Faust's producer, with fakes of aiokafka's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.contrib.asgi import bind_to_running_loop

from pipeline.faust_ext.app import make_app
from pipeline.faust_ext.producer import Outgoing, SafeProducer
from pipeline.settings import Settings


class FakeKafka:
    """aiokafka's producer: acknowledges or refuses what `answer` is told to, and may have no room at first."""

    def __init__(self, full: int = 0) -> None:
        self.full = full
        self.sent: list[tuple[bytes, asyncio.Future[None]]] = []
        self.flushed = False

    async def send(self, _: str, value: bytes, **__: Any) -> asyncio.Future[None]:
        if self.full:
            self.full -= 1
            raise KafkaTimeoutError
        self.sent.append((value, asyncio.get_running_loop().create_future()))
        return self.sent[-1][1]

    async def flush(self) -> None:
        self.flushed = True


@pytest.fixture
async def producer(tmp_path: Path) -> SafeProducer:
    owner: Any = None
    app = make_app(Settings(kafka="localhost:1", home=tmp_path), "test", owner=owner, batch_topics={"t": 1})
    bind_to_running_loop(app)
    app.finalize()
    return app.producer  # type: ignore[no-any-return]


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def records(*values: bytes) -> list[Outgoing]:
    return [Outgoing("t", 0, None, value) for value in values]


async def test_records_are_delivered_when_every_one_is_acknowledged(producer: SafeProducer) -> None:
    kafka = producer._producer = FakeKafka()
    delivering = asyncio.create_task(producer.deliver(records(b"1", b"2")))
    await turns()
    kafka.sent[0][1].set_result(None)
    await turns()
    assert not delivering.done()
    kafka.sent[1][1].set_result(None)
    await delivering


async def test_one_record_that_is_refused_is_raised(producer: SafeProducer) -> None:
    kafka = producer._producer = FakeKafka()
    delivering = asyncio.create_task(producer.deliver(records(b"1", b"2")))
    await turns()
    kafka.sent[0][1].set_result(None)
    kafka.sent[1][1].set_exception(ValueError("refused"))
    with pytest.raises(ValueError, match="refused"):
        await delivering


async def test_a_record_for_which_there_is_no_room_is_handed_over_again_and_in_order(producer: SafeProducer) -> None:
    kafka = producer._producer = FakeKafka(full=3)
    delivering = asyncio.create_task(producer.deliver(records(b"1", b"2")))
    await turns()
    assert [value for value, _ in kafka.sent] == [b"1", b"2"]
    for _, future in kafka.sent:
        future.set_result(None)
    await delivering


async def test_a_flush_does_not_return_while_anything_is_buffered(
    producer: SafeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock Faust gives up after 0.1 s."""
    kafka = producer._producer = FakeKafka()
    naps: list[float] = []
    producer.buffer.pending.put_nowait("a message that Faust has not handed over yet")

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        if sum(naps) > 1:
            producer.buffer.pending.get_nowait()

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.faust_ext.producer.asyncio.sleep", nap)
        await producer.flush()
    assert sum(naps) > 1
    assert kafka.flushed


async def test_a_batch_never_expires(producer: SafeProducer) -> None:
    """aiokafka gives up a batch that is older than a request may take, when its partition has no leader just then."""
    made = producer.make_producer()
    made._closed = True  # never started: there is nothing to close
    assert made._message_accumulator._batch_ttl == float("inf")
    assert made._txn_manager is not None, "only an idempotent producer sends again without doubling"
