"""A Kafka record as the lander sees it; aiokafka's own ConsumerRecord fits."""

from __future__ import annotations

from typing import Protocol


class Record(Protocol):
    """One record of a batch. `timestamp` is the broker's append time on topics that are stamped so."""

    @property
    def topic(self) -> str:
        """Name of the topic."""

    @property
    def partition(self) -> int:
        """Partition in it."""

    @property
    def offset(self) -> int:
        """Offset in it."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970 in UTC."""

    @property
    def key(self) -> bytes | None:
        """The key as it came."""

    @property
    def value(self) -> bytes | None:
        """The value as it came."""

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The headers as they came."""
