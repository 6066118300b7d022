"""Judging a run: waits until the pipeline is at rest, then compares everything with the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from faults.facts import FinishedRun
from faults.verdict.account import Account
from faults.verdict.check_alerts import check_alerts, check_history_alerts
from faults.verdict.check_breaches import check_breaches
from faults.verdict.check_commits import check_commits, check_recovery, check_unexpected
from faults.verdict.check_critical import check_critical
from faults.verdict.check_log import boots_of, check_ledger, check_log
from faults.verdict.check_panes import assert_room, check_closed, check_marks, check_panes, check_raw, check_slots
from faults.verdict.check_refused import check_dead, check_late
from faults.verdict.check_stats import check_history_stats, check_stats
from faults.verdict.expected import expect
from faults.verdict.history import history_of
from faults.verdict.positions import LEFT_AGE_MS, recoveries
from faults.verdict.sampler import followed
from faults.verdict.verdict import Verdict
from faults.verdict.watch import Watch
from pipeline.topics import topics_of

RECOVERY_LIMIT_SECONDS = 60.0
SETTLE_SECONDS = 120.0
_ASK_SECONDS = 2.0
_LAND_SECONDS = 30.0
_STILL_SECONDS = 90.0
"""What has not changed for so long will not: panes close within 50 s of an event by default."""


async def judge(
    run: FinishedRun,
    watch: Watch,
    *,
    rules: Sequence[Path] | None = None,
    recovery_limit_seconds: float = RECOVERY_LIMIT_SECONDS,
    settle_seconds: float = SETTLE_SECONDS,
) -> Verdict:
    """Return the verdict on a run whose load has ended; all servers and workers are still up.

    Waits up to `settle_seconds` until everything is read, closed and landed, as long as something moves; what is not
    done by then is a difference.
    `rules` are the files that the evaluators had, by default that of the settings; what none names is not judged.
    """
    left = await _settled(watch, settle_seconds)
    account = await watch.account()
    # What was said on topics until then is to be in ClickHouse, too: not the load, but alerts and stats go on.
    await asyncio.sleep(LEFT_AGE_MS / 1000)
    left = left or await _settled(watch, _LAND_SECONDS)
    files = rules if rules is not None else [run.settings.rules] if run.settings.rules is not None else []
    return await asyncio.to_thread(_judged, run, account, left, files, recovery_limit_seconds)


async def _settled(watch: Watch, seconds: float) -> list[str]:
    """Wait until nothing is left to do; return what still is when the time is over, or nothing moves any more."""
    began = moved = time.monotonic()
    before: list[str] = []
    while True:
        left, now = await watch.unsettled(), time.monotonic()
        if left != before:
            before, moved = left, now
        if not left or now - began > seconds or now - moved > _STILL_SECONDS:
            return left
        await asyncio.sleep(_ASK_SECONDS)


def _judged(
    run: FinishedRun, account: Account, left: list[str], rules: Sequence[Path], limit_seconds: float
) -> Verdict:
    expected = expect(account)
    boots = boots_of(run, account, expected)
    ledger, lines = check_ledger(boots)
    found = recoveries(account.positions, run.faults, followed(topics_of(run.settings)))
    with history_of(run.settings, account.series, account.sources) as history:
        kept = {kind: history.raw(kind) for kind in ("operations", "errors", "samples")}
        checks = (
            check_log(run, account, boots),
            check_late(expected, history.late()),
            check_dead(account, history.dead()),
            check_panes(account, expected),
            check_slots(account, expected, history.slots()),
            check_raw(account, kept),
            check_marks(account, expected, history.marks()),
            check_closed(account, expected),
            check_stats(account, expected),
            check_history_stats(account, history.windows),
            check_alerts(account),
            check_history_alerts(account, history.alerts(account.taken_ms)),
            check_critical(account),
            check_breaches(account, rules),
            check_commits(run, account, left),
            check_recovery(found, limit_seconds),
            check_unexpected(run),
            ledger,
        )
    assert_room(account)
    minutes = (run.ended_ms - run.began_ms) / 60_000
    return Verdict(run.seed, minutes, checks, lines, tuple(found), account.cost)
