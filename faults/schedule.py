"""When which fault is done to what: a pure function of the seed, the time there is, and who is there."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

QUIET_SECONDS = 75.0
"""At the end of a run no load and no fault: long enough for panes to close and alerts to be over."""
CALM_SECONDS = 20.0
"""Before that the load goes on without faults."""
WARM_UP_SECONDS = 15.0
STORM_SECONDS = (15.0, 30.0)
STORM_EVERY_SECONDS = 100.0
NO_STORM_SECONDS = 50.0
"""Before the end of the load: the alerts of a storm are to be over when the run is."""

_OVERLAP_RATIO = 0.3
_GAPS_SECONDS = (14.0, 10.0, 7.0, 4.0, 2.0, 0.5)
_ALL = ("aggregator", "evaluator", "lander")


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A kind of fault: what it may be done to, how long it lasts, and what nothing else may touch meanwhile.

    `roles`: one worker of one of them is its target. Without roles `target` is what people read, and `touches` are
    servers and roles. `most` is how often a run may have it.
    """

    name: str
    seconds: tuple[float, float]
    roles: tuple[str, ...] = ()
    target: str = ""
    touches: tuple[str, ...] = ()
    most: int = 1_000


SPECS = (
    FaultSpec("kill", (2, 3), roles=_ALL),
    FaultSpec("zombie", (15, 20), roles=_ALL),
    FaultSpec("stop", (2, 4), roles=_ALL),
    FaultSpec("come_and_go", (24, 30), roles=("aggregator", "evaluator")),
    FaultSpec("kill_kafka", (9, 14), target="kafka", touches=("kafka",)),
    FaultSpec("kafka_frozen", (12, 20), target="kafka", touches=("kafka",)),
    FaultSpec("kafka_unreachable", (30, 30), target="kafka", touches=("kafka",)),
    FaultSpec("kafka_disk_full", (25, 35), target="kafka", touches=("kafka",)),
    FaultSpec("produce_fails", (6, 10), target="kafka", touches=("kafka",)),
    FaultSpec("more_partitions", (1, 2), target="kafka", touches=("kafka",), most=2),
    FaultSpec("kill_clickhouse", (3, 8), target="clickhouse", touches=("clickhouse",)),
    FaultSpec("clickhouse_refuses", (10, 25), target="clickhouse", touches=("clickhouse",)),
    FaultSpec("clickhouse_slow", (10, 25), target="clickhouse", touches=("clickhouse",)),
    FaultSpec("clickhouse_lies", (8, 15), target="clickhouse", touches=("clickhouse",)),
    FaultSpec("clickhouse_disk_full", (10, 20), target="clickhouse", touches=("clickhouse",)),
    FaultSpec("rules_change", (8, 12), target="evaluators", touches=("evaluator",)),
    FaultSpec("upgrade", (24, 30), target="workers", touches=_ALL),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One fault to be done, `at_s` after the load began. `number` is for whatever else it has to decide."""

    at_s: float
    name: str
    target: str
    seconds: float
    number: int

    @property
    def end_s(self) -> float:
        """When it should be over."""
        return self.at_s + self.seconds


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    target: str
    seconds: float
    touches: frozenset[str]


def load_seconds(minutes: float) -> float:
    """How long the load goes on in a run of so many minutes."""
    return minutes * 60 - QUIET_SECONDS


def storms(seed: int, seconds: float) -> tuple[tuple[float, float], ...]:
    """Return when operations fail in masses, for a load of so many seconds."""
    rng = random.Random(f"{seed}/storms")
    found, begin_s = [], rng.uniform(8, 15)
    while (end_s := begin_s + rng.uniform(*STORM_SECONDS)) <= seconds - NO_STORM_SECONDS:
        found.append((round(begin_s, 1), round(end_s, 1)))
        begin_s = end_s + rng.uniform(0.5, 1.5) * STORM_EVERY_SECONDS
    return tuple(found)


def schedule(
    seed: int, minutes: float, crew: Mapping[str, int], names: Iterable[str] = ()
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the faults of a run in order, and those that it has no time for.

    `crew` says how many workers each role has. Each fault of each role comes once, if the time allows, then any.
    `names` leaves all others out; ``zombie:lander`` is a fault of one role.
    """
    specs = _named(names) or list(SPECS)
    end_s = load_seconds(minutes) - CALM_SECONDS
    steps: list[Step] = []
    left: list[_Wanted] = []
    for gap_s in _GAPS_SECONDS:
        rng = random.Random(f"{seed}/schedule")
        wanted = _each_once(rng, specs, crew)
        steps, left = _place(rng, wanted, end_s, gap_s)
        if not left:
            wanted = [_drawn(rng, rng.choice(_again(specs, steps)), crew) for _ in range(int(end_s / 4))]
            more, _ = _place(rng, wanted, end_s, gap_s, after=steps)
            steps = _at_most(specs, steps + more)
            break
    return tuple(sorted(steps, key=lambda step: step.at_s)), tuple(f"{one.name} of {one.target}" for one in left)


def _named(names: Iterable[str]) -> list[FaultSpec]:
    roles: dict[str, set[str]] = {}
    for name, _, role in (name.partition(":") for name in names):
        roles.setdefault(name, set()).update([role] if role else _ALL)
    asked = [spec for spec in SPECS if spec.name in roles]
    return [replace(spec, roles=tuple(role for role in spec.roles if role in roles[spec.name])) for spec in asked]


def unknown(names: Iterable[str]) -> list[str]:
    """Return the names that mean no fault, or a role that a fault has nothing to do with."""
    known = {name for spec in SPECS for name in (spec.name, *(f"{spec.name}:{role}" for role in spec.roles))}
    return [name for name in names if name not in known]


def _each_once(rng: random.Random, specs: list[FaultSpec], crew: Mapping[str, int]) -> list[_Wanted]:
    wanted = [_drawn(rng, spec, crew, role) for spec in specs for role in spec.roles or ("",)]
    rng.shuffle(wanted)
    return wanted


def _drawn(rng: random.Random, spec: FaultSpec, crew: Mapping[str, int], role: str = "") -> _Wanted:
    seconds = round(rng.uniform(*spec.seconds), 1)
    if not spec.roles:
        return _Wanted(spec.name, spec.target, seconds, frozenset(spec.touches))
    role = role or rng.choice(spec.roles)
    target = f"{role}-{rng.randrange(crew[role]) + 1}"
    return _Wanted(spec.name, target, seconds, frozenset({target}))


def _again(specs: list[FaultSpec], steps: list[Step]) -> list[FaultSpec]:
    return [spec for spec in specs if sum(step.name == spec.name for step in steps) < spec.most] or specs


def _at_most(specs: list[FaultSpec], steps: list[Step]) -> list[Step]:
    kept: list[Step] = []
    most = {spec.name: spec.most for spec in specs}
    for step in sorted(steps, key=lambda step: step.at_s):
        if sum(one.name == step.name for one in kept) < most[step.name]:
            kept.append(step)
    return kept


def _place(
    rng: random.Random, wanted: list[_Wanted], end_s: float, gap_s: float, after: Iterable[Step] = ()
) -> tuple[list[Step], list[_Wanted]]:
    """Give each a time, in order; return those that found one, and those that would end too late."""
    steps: list[Step] = []
    left: list[_Wanted] = []
    busy: list[tuple[float, frozenset[str]]] = []
    at_s = max([WARM_UP_SECONDS, *(step.end_s + gap_s for step in after)])
    for one in wanted:
        begin_s = max([at_s, *(until_s + gap_s for until_s, touched in busy if _clash(touched, one.touches))])
        if begin_s + one.seconds > end_s:
            left.append(one)
            continue
        steps.append(Step(round(begin_s, 1), one.name, one.target, one.seconds, rng.getrandbits(31)))
        busy = [kept for kept in busy if kept[0] + gap_s > at_s]
        busy.append((begin_s + one.seconds, one.touches))
        overlaps = rng.random() < _OVERLAP_RATIO
        at_s = begin_s + (rng.uniform(1, 4) if overlaps else one.seconds + rng.uniform(0.5, 1.5) * gap_s)
    return steps, left


def _clash(left: frozenset[str], right: frozenset[str]) -> bool:
    """Whether two faults touch the same: a server, a worker, or a role and one of its workers."""
    return any(a == b or a.startswith(f"{b}-") or b.startswith(f"{a}-") for a in left for b in right)
