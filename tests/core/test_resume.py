"""Where a new owner reads on, also when retention has deleted what was still needed."""

from pipeline.core.resume import Resumed, resume
from pipeline.core.source import Progress, TimeRules

RULES = TimeRules(pane_ms=10_000, out_of_orderness_ms=2_000, allowed_lateness_ms=30_000)
COMMITTED = Progress(position=500, watermark_ms=98_000, closed_through_ms=60_000, operations=480)


def test_reading_goes_on_at_the_held_back_offset() -> None:
    assert resume(300, COMMITTED, 0, RULES, 30_000) == Resumed(300, COMMITTED)
    assert resume(300, COMMITTED, 300, RULES, 30_000) == Resumed(300, COMMITTED)


def test_panes_that_cannot_be_rebuilt_are_closed_as_they_were_sent() -> None:
    found = resume(300, COMMITTED, 301, RULES, 30_000)
    assert (found.start, found.not_rebuilt, found.lost) == (500, (300, 301), None)
    # The newest event was at 100 s by the broker's time, and may have been dated 30 s past it: pane [130 s, 140 s).
    assert found.progress.closed_through_ms == 140_000
    assert (found.progress.position, found.progress.operations) == (500, 480)


def test_what_was_deleted_unread_is_lost_and_said() -> None:
    found = resume(300, COMMITTED, 700, RULES, 30_000)
    assert (found.start, found.lost, found.progress.position) == (700, (500, 700), 700)
    assert found.progress.closed_through_ms == 140_000


def test_closing_never_goes_back() -> None:
    ahead = Progress(position=500, watermark_ms=98_000, closed_through_ms=900_000)
    assert resume(300, ahead, 400, RULES, 30_000).progress.closed_through_ms == 900_000


def test_a_source_without_events_has_no_panes_to_close() -> None:
    assert resume(0, Progress(position=5), 5, RULES, 30_000).progress.closed_through_ms is None
