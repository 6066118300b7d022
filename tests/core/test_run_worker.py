"""How a worker leaves when its Faust app refuses to stop: each time in a process of its own, for it ends that."""

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, logging
from pipeline.faust_ext import run
from pipeline.faust_ext.watchdog import StuckError

class App:
    records_restored = 0
    consumer = type("Consumer", (), {"stay_in_group": staticmethod(lambda: None)})
    flow_control = type("Flow", (), {"is_active": staticmethod(lambda: READY)})
    rebalancing = in_recovery = crashed = False
    rebalancing_count = consumer_generation_id = 0
    crash_reason = None
    def __init__(self): self._crashed = asyncio.Event()
    def finalize(self): pass
    async def maybe_start(self): pass
    async def why_kafka_is_away(self): return AWAY.pop(0) if AWAY else None
    async def stop(self):
        while True:  # as Faust's `wait_empty`, which takes a cancellation for a time-out
            try: await asyncio.sleep(60)
            except asyncio.CancelledError: pass

async def tick():
    if BREAKS: raise StuckError("the consumer")

async def main():
    logging.basicConfig()
    stop = asyncio.Event()
    if not BREAKS: stop.set()
    await run.run_worker(App(), stop, tick=tick, tick_seconds=0.01, last=tick, stop_seconds=0.1)

run.bind_to_running_loop = lambda app: None
run.GETTING_READY_MS = 100
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        ("BREAKS, READY, AWAY = False, True, []", 0, "did not stop within 0.04 s"),
        ("BREAKS, READY, AWAY = True, True, []", 1, "left because: the consumer: the worker is stuck"),
        ("BREAKS, READY, AWAY = True, True, ['gone']", 1, "Kafka does not answer for 0 s: gone. The worker waits"),
        ("BREAKS, READY, AWAY = True, False, []", 1, "left because: a rebalance or a recovery has stood still"),
        ("BREAKS, READY, AWAY = True, False, ['gone']", 1, "Kafka does not answer for 0 s: gone. The worker waits"),
    ],
)
def test_an_app_that_refuses_to_stop_is_left_and_the_exit_code_says_why(case: str, code: int, words: str) -> None:
    script = f"{case}\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=30)
    assert words in done.stderr
    assert done.returncode == code
