"""Coroutines of workers, moved on by hand from one pause to the next: no event loop, and the schedule decides all."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Literal

Place = Literal["before produce", "in produce", "before ack", "before commit", "after commit"]


class Pause:
    """Awaited where a worker talks to the broker; the schedule may let others go first, or crash the worker here."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


class ProduceError(Exception):
    """The broker did not take some records; like every failure of Faust's producer, it ends the worker."""


class Operation:
    """One call of a worker's owner, under way. `at` is where it stands; None once it is done."""

    def __init__(self, coroutine: Coroutine[Pause, None, Any]) -> None:
        self._coroutine = coroutine
        self.at: Place | None = "before produce"
        self.result: Any = None

    def step(self) -> None:
        """Go on to the next pause, or to the end. Raises what the coroutine raises."""
        try:
            self.at = self._coroutine.send(None).place
        except StopIteration as end:
            self.at, self.result = None, end.value
        except BaseException:
            self.at = None
            raise

    def drop(self) -> None:
        """The worker has died here."""
        self._coroutine.close()
        self.at = None
