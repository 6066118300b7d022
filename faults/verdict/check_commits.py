"""Commits never go back, nobody is left behind or stuck, and everybody recovers in time."""

from __future__ import annotations

from collections.abc import Sequence

from faults.facts import FinishedRun
from faults.verdict.account import Account
from faults.verdict.positions import Recovery, stuck
from faults.verdict.verdict import Check, Figure, check

GOAL_SECONDS = 15.0


def check_commits(run: FinishedRun, account: Account, left: Sequence[str]) -> Check:
    """No offset, position, counter or watermark in a commit has gone back, and at the end nothing is left to read."""
    positions = account.positions
    wrong = [*left, *stuck(positions, run.faults), *account.commits.complaints]
    figures: dict[str, Figure] = {
        "commits": account.commits.commits,
        "partitions and groups": len(positions.tracks),
        "samples": len(positions.samples_ms),
    }
    return check("commits", "nothing committed has gone back; all are at the end; nobody stood still", wrong, figures)


def check_recovery(recoveries: Sequence[Recovery], limit_seconds: float) -> Check:
    """Whoever was hit had caught up within the limit; the goal is a figure.

    Who was behind before the fault, as on a machine that is too slow for the load, can't be measured by it.
    """
    judged = [one for one in recoveries if not one.was_behind]
    measured = sorted(one.seconds for one in judged if one.seconds is not None)
    in_place = [one.seconds for one in judged if one.fault.name == "kill" and one.seconds is not None]
    wrong = [_in_words(one) for one in recoveries if _too_long(one, limit_seconds)]
    figures: dict[str, Figure] = {
        "measured": len(measured),
        "cut short by another fault": sum(one.seconds is None and not one.was_behind for one in recoveries),
        "behind before": sum(one.was_behind for one in recoveries),
        "median s": measured[len(measured) // 2] if measured else None,
        "greatest s": measured[-1] if measured else None,
        f"kills within {GOAL_SECONDS:.0f} s": f"{sum(s <= GOAL_SECONDS for s in in_place)} of {len(in_place)}",
    }
    return check("recovery", f"all had caught up within {limit_seconds:.0f} s", wrong, figures)


def _too_long(one: Recovery, limit_seconds: float) -> bool:
    return not one.was_behind and (one.looked_seconds if one.seconds is None else one.seconds) > limit_seconds


def _in_words(one: Recovery) -> str:
    told = f"not within {one.looked_seconds:.0f} s" if one.seconds is None else f"after {one.seconds:.1f} s"
    return f"{one.role} after {one.fault.name} of {one.fault.target}: caught up {told}"


def check_unexpected(run: FinishedRun) -> Check:
    """No worker has left without a fault that explains it."""
    return check("unexpected", "every exit of a worker is explained", run.unexpected, {"exits": len(run.unexpected)})
