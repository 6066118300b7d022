"""Numbers for names, so that what is counted can be a whole number in an array."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Names(dict[T, int], Generic[T]):
    """Numbers in order of first sight; ``names[name]`` never fails. `listed` has the names by their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[T] = []

    def __missing__(self, name: T) -> int:
        number = self[name] = len(self.listed)
        self.listed.append(name)
        return number

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self.listed,))


def _restored(listed: list[T]) -> Names[T]:
    names: Names[T] = Names()
    for name in listed:
        names[name]
    return names
