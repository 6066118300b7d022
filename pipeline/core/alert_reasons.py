"""Why: every decision of the alert engine has one of these names."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a state changed, or why it did not although something was seen."""

    BREACH = "BREACH"  # a threshold is passed: firing
    WAITING = "WAITING"  # in breach, but not yet for as long as `for` says: pending
    PASSED = "PASSED"  # the breach ended before `for` was over: inactive again
    ESCALATED = "ESCALATED"
    DE_ESCALATED = "DE_ESCALATED"
    CALM = "CALM"  # no longer in breach, but not yet for as long as `keep_firing` says: recovering
    RELAPSED = "RELAPSED"  # in breach again before `keep_firing` was over: firing again, in the same episode
    RECOVERED = "RECOVERED"  # no longer in breach
    NO_DATA = "NO_DATA"  # the window is empty: nothing left to judge; by `no_data: alert` a breach
    HOLD_OVER = "HOLD_OVER"  # no critical error for as long as `hold` says
    EXPIRED = "EXPIRED"  # absent for 24 hours: no longer expected
    RULE_REMOVED = "RULE_REMOVED"  # the rule is no longer in the file, or is disabled
    RULE_CHANGED = "RULE_CHANGED"  # the rule no longer covers the series, or is of another type
    TOLD_LATE = "TOLD_LATE"  # still firing, and what kept people from being told is over
    REPEATED = "REPEATED"  # another critical error within the episode: counted
    DUPLICATE = "DUPLICATE"  # a critical error that was counted before
    MIN_SAMPLES = "MIN_SAMPLES"  # in breach, but over too few samples
    KEPT_FEW_SAMPLES = "KEPT_FEW_SAMPLES"  # firing and still in breach over too few samples: kept as it is
    KEPT_NO_DATA = "KEPT_NO_DATA"  # the window is empty, and the rule says `no_data: keep`
    FROZEN_INCOMPLETE = "FROZEN_INCOMPLETE"  # data of a source is missing: what that may undo is not decided
    FROZEN_LAGGING = "FROZEN_LAGGING"  # a source has fallen behind: nothing is decided until it has caught up
    THAWED = "THAWED"  # all sources are there again


class Notice(StrEnum):
    """Whether people are told of a transition, and why."""

    NOTIFY_FIRST = "NOTIFY_FIRST"
    NOTIFY_ESCALATED = "NOTIFY_ESCALATED"
    NOTIFY_COOLDOWN_OVER = "NOTIFY_COOLDOWN_OVER"  # still firing when the cooldown ended
    NOTIFY_UNHIDDEN = "NOTIFY_UNHIDDEN"  # still firing when the alert that hid it ended
    NOTIFY_RESOLVED = "NOTIFY_RESOLVED"
    SUPPRESS_PENDING = "SUPPRESS_PENDING"  # it is not firing yet, or never came to it
    SUPPRESS_RECOVERING = "SUPPRESS_RECOVERING"  # the breach is over, the episode not yet
    SUPPRESS_COOLDOWN = "SUPPRESS_COOLDOWN"  # people were told of the same a short while ago
    SUPPRESS_HIDDEN = "SUPPRESS_HIDDEN"  # another alert on this series says the same
    SUPPRESS_ALREADY_TOLD = "SUPPRESS_ALREADY_TOLD"  # this severity was told in this episode
    SUPPRESS_DE_ESCALATED = "SUPPRESS_DE_ESCALATED"  # better than it was, and not over
    SUPPRESS_NEVER_TOLD = "SUPPRESS_NEVER_TOLD"  # people never heard of this episode, so not of its end

    @property
    def notify(self) -> bool:
        """Whether people are told."""
        return self.startswith("NOTIFY")
