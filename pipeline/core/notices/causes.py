"""One cause pages once: what an alert has told is not told again by one over a longer window."""

from __future__ import annotations

from pipeline.core.notices.groups import Known, gravity
from schemas.structs import Alert

_LEVELS = frozenset({"ratio", "ms", "factor"})
"""Units that mean the same over any window; numbers of things do not."""

_SHORT_WINDOW = 12
"""By so much the second window of a burn rate is shorter than its first, as is usual."""


def says_no_more(alert: Alert, told: Known) -> bool:
    """Whether an alert is over a longer window than one that people are told of, and no graver than that ever was."""
    return window_ms(told.alert) < window_ms(alert) and gravity(alert.severity) <= gravity(told.worst)


def window_ms(alert: Alert) -> int:
    """Return the length of an alert's window."""
    return alert.window_end_ms - alert.window_start_ms


def echo_ms(alert: Alert, over: Alert) -> int:
    """Return for how long what ended may still be seen in the longer window of another alert.

    That is the whole window if what no longer breaches the one can't breach the other: then it is the past that does.
    Else something milder may go on, which must be told. A burn rate ends by itself once its short window is past it.
    """
    if alert.unit in _LEVELS and (alert.unit, alert.comparison) == (over.unit, over.comparison):
        asked, passed = alert.threshold or 0.0, over.threshold or 0.0
        if asked >= passed if alert.comparison == ">" else asked <= passed:
            return window_ms(alert)
    return window_ms(alert) // _SHORT_WINDOW if alert.rule_type == "burn_rate" else 0
