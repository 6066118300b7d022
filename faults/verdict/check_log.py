"""The log against what producers know: nothing acknowledged is missing, nothing aborted is there, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from faults.facts import FinishedRun
from faults.verdict.account import Account
from faults.verdict.expected import Expected
from faults.verdict.ledger_table import BootAccount, Line, boot_account, lines_of
from faults.verdict.verdict import Check, check
from faults.verdict.words import ranges_in_words


def boots_of(run: FinishedRun, account: Account, expected: Expected) -> list[BootAccount]:
    """Return the account of every boot of every producer."""
    ledgers, nothing = account.log.ledgers, np.zeros(0, np.int64)
    return [
        boot_account(one, ledgers, expected.late_of.get(ledgers.boots.get((one.producer, one.boot), -1), nothing))
        for one in run.producers
    ]


def check_log(run: FinishedRun, account: Account, boots: Sequence[BootAccount]) -> Check:
    """Every acknowledged event is in the log once, every other one at most once, and no aborted one."""
    known = {(one.producer, one.boot) for one in run.producers}
    wrong = [difference for boot in boots for difference in _wrong(boot)]
    strangers = [boot for boot in account.log.ledgers.boots if boot not in known]
    wrong += [f"{'/'.join(boot)}: in the log, and no producer knows of it" for boot in strangers]
    wrong += account.complaints
    figures = {
        "events": account.log.events + len(account.log.dead),
        "records": account.log.records,
        "acknowledged": sum(int(boot.acknowledged.sum()) for boot in boots),
        "unknown": sum(int(boot.unknown.sum()) for boot in boots),
        "aborted": sum(int(boot.aborted.sum()) for boot in boots),
        "without ledger": account.log.ledgers.without,
        "replayed records": account.log.replays,
    }
    return check("log", "every acknowledged event is in the log, once", wrong, figures)


def _wrong(boot: BootAccount) -> Iterator[str]:
    name = f"{boot.producer.producer}/{boot.producer.boot}"
    cases = {
        "acknowledged and not in the log": boot.lost,
        "in the log more than once": boot.times > 1,
        "aborted and in the committed log": boot.aborted & (boot.times > 0),
    }
    for what, chosen in cases.items():
        if chosen.any():
            yield f"{name}: {int(chosen.sum())} events {what}: {ranges_in_words(np.flatnonzero(chosen).tolist())}"
    if boot.beyond:
        yield f"{name}: {boot.beyond} events in the log beyond the {boot.producer.sent} that were sent"


def check_ledger(boots: Sequence[BootAccount]) -> tuple[Check, tuple[Line, ...]]:
    """By producer and minute: acknowledged + found = counted + late + dead + lost, and nothing is lost."""
    lines = lines_of(boots)
    wrong = []
    for line in lines:
        where = f"{line.producer} at {line.minute}"
        if line.lost:
            wrong.append(f"{where}: {line.lost} of {line.acknowledged} acknowledged events are lost")
        if line.acknowledged + line.found != line.counted + line.late + line.dead + line.lost:
            wrong.append(f"{where}: acknowledged + found is not counted + late + dead + lost")
    names = ("sent", "acknowledged", "counted", "late", "dead", "lost")
    figures = {name: sum(getattr(line, name) for line in lines) for name in names}
    return check("ledger", "nothing acknowledged is lost, in any minute of any producer", wrong, figures), lines
