"""Steps that were emitted on time and have changed since: which to emit again, and under which revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pipeline.core.series import Series


class LateSteps:
    """Late changes by step. They are emitted together, at most once for each time that a step comes due.

    A revision is the number of such a round in this shard: it only grows, over restarts too, so the greatest revision
    of a step is right. `settled_offset`: changes by records below it have been emitted; reading them again (after a
    restart) is no change.
    """

    def __init__(self, pane_ms: int, longest_ms: int) -> None:
        self.rounds = 0
        self.settled_offset = 0
        self._pane_ms = pane_ms
        self._longest_ms = longest_ms
        self._changed: defaultdict[int, set[Series]] = defaultdict(set)
        self._allowed = False

    def restore(self, settled_offset: int, rounds: int) -> None:
        """Go on where the last run stood."""
        self.settled_offset, self.rounds = settled_offset, rounds

    @property
    def pending(self) -> bool:
        """Whether any step is still to be emitted again."""
        return bool(self._changed)

    def mark(self, offset: int, start_ms: int, through_ms: int, names: Iterable[Series]) -> None:
        """Note that the record at `offset` changed series in a pane; `through_ms` is the last step emitted."""
        if offset < self.settled_offset:
            return
        changed = set(names)
        last_ms = min(through_ms, start_ms + self._longest_ms)
        for end_ms in range(start_ms + self._pane_ms, last_ms + 1, self._pane_ms) if changed else ():
            self._changed[end_ms] |= changed

    def allow(self) -> None:
        """A step was emitted on time: what is pending may follow."""
        self._allowed = True

    def begin(self) -> list[int]:
        """Return the ends of the steps to be emitted again now, ascending; a round begins if there are any.

        To be asked after every record that may let steps come due: what changes afterwards waits for the next step.
        """
        allowed, self._allowed = self._allowed, False
        if not allowed or not self._changed:
            return []
        self.rounds += 1
        return sorted(self._changed)

    def names(self, end_ms: int) -> list[Series]:
        """Return the series that changed in a step, sorted."""
        return sorted(self._changed.get(end_ms, ()))

    def emitted(self, end_ms: int) -> None:
        """The changes of a step have been emitted."""
        self._changed.pop(end_ms, None)

    def settle(self, position: int) -> None:
        """Note that records below `position` have been taken in; they are settled if nothing is pending."""
        if not self._changed:
            self.settled_offset = max(self.settled_offset, position)
