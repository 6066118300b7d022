"""The load as a process: orders come as a line on stdin, what it says goes to stdout; it ends when stdin does."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import time

import msgspec

from faults.load.content import SHARE
from faults.load.orders import Orders, Said
from faults.load.producers import Producer

log = logging.getLogger(__name__)

_SAY_SECONDS = 1.0
_FLUSH_SECONDS = 45.0


def main() -> None:
    """Read the orders, produce until told to stop by a further line, and hand over the accounts."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of each of thousands of tries
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    code = 1
    try:
        asyncio.run(_produce(orders))
        code = 0
    except Exception:
        log.exception("the load has died")
    finally:
        sys.stdout.flush()
        # A client whose Kafka is gone can't be closed in order.
        os._exit(code)


async def _produce(orders: Orders) -> None:
    producers = [Producer(orders, kind, orders.rate * share) for kind, share in SHARE.items()]
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    _set_when_told(stop)
    running = [asyncio.create_task(producer.run(stop)) for producer in producers]
    while not stop.is_set():
        _say(producers)
        for task in running:
            if task.done():
                task.result()
        await asyncio.sleep(_SAY_SECONDS)
    _, unfinished = await asyncio.wait(running, timeout=_FLUSH_SECONDS)
    if unfinished:
        log.warning("%d producers still have something that Kafka does not take", len(unfinished))
    _say(producers, last=True)


def _set_when_told(stop: asyncio.Event) -> None:
    """Set `stop` when a line comes, in a thread that nobody waits for: waiting for it would hide why this died."""
    loop = asyncio.get_running_loop()

    def listen() -> None:
        sys.stdin.buffer.readline()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=listen, daemon=True).start()


def _say(producers: list[Producer], *, last: bool = False) -> None:
    accounts = [account for producer in producers for account in producer.accounts()]
    said = Said(
        sum(producer.sent() for producer in producers),
        sum(past - first for account in accounts for first, past in account.acknowledged),
        len(accounts),
        time.process_time(),
        accounts if last else None,
    )
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
