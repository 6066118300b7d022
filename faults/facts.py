"""What a run of the fault machine hands to its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was done.

    - `name`: which fault (``kill``, ``zombie``, ``kafka_unreachable``), `target`: to what (``aggregator-2``)
    - `began_ms`, `ended_ms`: from when to when it lasted, by the wall clock
    - `started_ms`: when the process it hit was started again; None where none was
    - `roles`: whose recovery is measured from `started_ms` (or `ended_ms`): aggregator, evaluator, lander
    - `detail`: what else is worth knowing, for people
    """

    name: str
    target: str
    began_ms: int
    ended_ms: int
    started_ms: int | None = None
    roles: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProducerAccount:
    """What one producer knows of its events, numbered from 0 in each boot (the sequence of its ledger header).

    `acknowledged` are ranges ``[first, past)`` of sequences that the broker has acknowledged; everything else below
    `sent` is unknown: it may be in the log, once. `aborted` are ranges sent in transactions that were aborted: they
    must not be counted. `kind` says how the producer chooses keys.
    """

    producer: str
    boot: str
    kind: str
    sent: int
    acknowledged: tuple[tuple[int, int], ...]
    aborted: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run after its load has ended and the workers have had time to settle. All servers are still up.

    `settings` name Kafka and ClickHouse directly, not through the proxies. `unexpected` has exits of workers that no
    fault explains, with the end of their log.
    """

    settings: Settings
    seed: int
    began_ms: int
    ended_ms: int
    faults: tuple[Fault, ...]
    producers: tuple[ProducerAccount, ...]
    unexpected: tuple[str, ...] = field(default=())
