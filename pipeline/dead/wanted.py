"""Which dead letters are meant: by reason, topic, time, service, content or name."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.dead.identity import LetterId, id_of
from pipeline.dead.letters import service_of, value_of
from schemas.structs import DeadLetter


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that is said must hold; what is not said holds for all.

    - `since_ms` ≤ time at which Kafka took the refused record in < `until_ms`
    - `contains`: bytes that the refused bytes, or the sentence why, must have in them
    - `ids`: only these
    """

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    service: str | None = None
    contains: bytes = b""
    ids: frozenset[LetterId] = frozenset()

    @property
    def says_nothing(self) -> bool:
        """Whether every letter is meant."""
        return self == Wanted()

    def fits(self, letter: DeadLetter) -> bool:
        """Return whether a letter is meant."""
        return self._fits_place(letter) and self._fits_time(letter.append_time_ms) and self._fits_content(letter)

    def _fits_place(self, letter: DeadLetter) -> bool:
        if self.ids and id_of(letter) not in self.ids:
            return False
        return letter.topic in (self.topics or {letter.topic}) and letter.reason in (self.reasons or {letter.reason})

    def _fits_time(self, append_time_ms: int) -> bool:
        after = self.since_ms is None or append_time_ms >= self.since_ms
        return after and (self.until_ms is None or append_time_ms < self.until_ms)

    def _fits_content(self, letter: DeadLetter) -> bool:
        if self.service is None and not self.contains:
            return True
        value = value_of(letter) or b""
        if self.service is not None and service_of(value) != self.service:
            return False
        return self.contains in value or self.contains in letter.detail.encode()
