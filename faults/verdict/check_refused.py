"""What was late and what was refused: each told once, with the same content, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from faults.verdict.account import Account
from faults.verdict.expected import Expected
from faults.verdict.log import Identity
from faults.verdict.verdict import Check, check
from schemas.reasons import Reason


def check_late(expected: Expected, landed: int) -> Check:
    """Every event that was late for sure has a notice, no one that was on time for sure has."""
    wrong = list(expected.wrong)
    if landed != expected.notices:
        wrong.append(f"ClickHouse has {landed} late events, the topic tells of {expected.notices}")
    figures = {"late": sum(expected.late.values()), "notices": expected.notices, "believed": expected.believed}
    return check("late", "every late event was told, and no other", wrong, figures)


def check_dead(account: Account, landed: Sequence[tuple[str, int, int, int | None, str]]) -> Check:
    """Everything that can't be used is a dead letter, with its reason and its bytes, on the topic and in ClickHouse."""
    letters, expected = account.told.letters, account.log.dead
    wrong = list(account.told.complaints.get("dead", []))
    wrong += [
        f"{_named(identity)}: {expected[identity][0]}, and no dead letter" for identity in expected.keys() - letters
    ]
    wrong += [f"{_named(identity)}: a dead letter, and it can be used" for identity in letters.keys() - expected]
    wrong += [
        f"{_named(identity)}: expected {expected[identity]}, found {letters[identity][:2]}"
        for identity in expected.keys() & letters
        if not _same(expected[identity], letters[identity])
    ]
    kept = {(topic, partition, offset, index): reason for topic, partition, offset, index, reason in landed}
    if len(kept) != len(landed):
        wrong.append(f"ClickHouse has {len(landed) - len(kept)} dead letters twice")
    wrong += [f"{_named(identity)}: not in ClickHouse" for identity in letters.keys() - kept]
    wrong += [f"{_named(identity)}: in ClickHouse, not on the topic" for identity in kept.keys() - letters]
    if account.told.landing:
        wrong.append(f"ClickHouse would not take the rows of {account.told.landing} events")
    figures = {"expected": len(expected), "letters": len(letters), "repeated": account.told.letters_repeated}
    return check("dead", "everything unusable is a dead letter, and nothing else", wrong, figures)


def _same(expected: tuple[str, str], found: tuple[str, str, str]) -> bool:
    """Of an event ahead of its time the bytes are those of the element, which the log does not keep."""
    return expected[0] == found[0] and (expected[1] == found[1] or expected[0] == Reason.FUTURE_TIMESTAMP)


def _named(identity: Identity) -> str:
    topic, partition, offset, index = identity
    return f"{topic}-{partition} offset {offset}" + ("" if index is None else f" index {index}")
