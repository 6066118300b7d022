"""Why, in words: what each reason of the alert engine means, and each notice."""

from __future__ import annotations

from pipeline.core.alert_reasons import Notice, Reason

REASONS = {
    Reason.BREACH: "it fired: the threshold was passed",
    Reason.WAITING: "it became pending: in breach, but not yet for as long as `for` says",
    Reason.PASSED: "it became inactive again: the breach ended before `for` was over",
    Reason.ESCALATED: "it became graver: the next threshold was passed",
    Reason.DE_ESCALATED: "it became milder",
    Reason.CALM: "it began to recover: no longer in breach, but not yet for as long as `keep_firing` says",
    Reason.RELAPSED: "it fired again: in breach before `keep_firing` was over, so in the same episode",
    Reason.RECOVERED: "it was resolved: no longer in breach",
    Reason.NO_DATA: "the window was empty, and the rule's `no_data` decided",
    Reason.HOLD_OVER: "it was resolved: no critical error came for as long as `hold` says",
    Reason.EXPIRED: "it was resolved: silent for 24 hours, so the series is no longer expected",
    Reason.RULE_REMOVED: "it ended: the rule was not there any more",
    Reason.RULE_CHANGED: "it ended: the rule no longer covered the series, or was of another type",
    Reason.TOLD_LATE: "it still fired, and what kept people from being told was over",
    Reason.REPEATED: "another critical error was counted within the episode",
    Reason.DUPLICATE: "a critical error came again that was counted before",
    Reason.MIN_SAMPLES: "it did not fire: in breach, but over fewer samples than `min_samples` asks for",
    Reason.KEPT_FEW_SAMPLES: "it stayed as it was: still in breach, but over too few samples to change it",
    Reason.KEPT_NO_DATA: "it stayed as it was: the window was empty, and the rule says `no_data: keep`",
    Reason.FROZEN_INCOMPLETE: "it was frozen: data of a source was missing that might have undone a change",
    Reason.FROZEN_LAGGING: "it was frozen: a source had fallen behind",
    Reason.THAWED: "it was decided again: all sources were there again",
}
NOTICES = {
    Notice.NOTIFY_FIRST: "People were to be told: it fired",
    Notice.NOTIFY_ESCALATED: "People were to be told: graver than they knew",
    Notice.NOTIFY_COOLDOWN_OVER: "People were to be told: it still fired when the cooldown ended",
    Notice.NOTIFY_UNHIDDEN: "People were to be told: it still fired when the alert that hid it ended",
    Notice.NOTIFY_RESOLVED: "People were to be told that it was over",
    Notice.SUPPRESS_PENDING: "Nobody was told: it did not fire",
    Notice.SUPPRESS_RECOVERING: "Nobody was told: the episode was not over",
    Notice.SUPPRESS_COOLDOWN: "Nobody was told: the cooldown of the episode before had not ended",
    Notice.SUPPRESS_HIDDEN: "Nobody was told: another alert on the series said the same",
    Notice.SUPPRESS_ALREADY_TOLD: "Nobody was told again: this severity was told in this episode",
    Notice.SUPPRESS_DE_ESCALATED: "Nobody was told: better than it was, and not over",
    Notice.SUPPRESS_NEVER_TOLD: "Nobody was told: nobody had heard of the episode",
}


def reason_text(reason: str) -> str:
    """Return what a reason means; of a later release's, its name."""
    return REASONS[Reason(reason)] if reason in set(Reason) else f"it was decided for the reason {reason}"


def notice_text(notice: str) -> str:
    """Return what a notice means; of a later release's, its name."""
    return NOTICES[Notice(notice)] if notice in set(Notice) else f"Notice: {notice}"
