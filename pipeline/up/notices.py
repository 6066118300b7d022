"""Sentences for the user, held back while a live view has the screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEPT = 20


class Notices:
    """Passes sentences on to `say`; while `held`, keeps the last ones instead and passes them on afterwards."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.held_back: deque[str] = deque(maxlen=_KEPT)
        self._say = say
        self._holding = False

    def tell(self, sentence: str) -> None:
        """Say it now, or when the screen is free again."""
        if self._holding:
            self.held_back.append(sentence)
        else:
            self._say(sentence)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold sentences back while the body runs."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            while self.held_back:
                self._say(self.held_back.popleft())
