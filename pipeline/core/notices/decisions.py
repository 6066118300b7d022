"""What the notifier held back, as records of the decision log, beside those of the alert engine."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pipeline.core.alert_reasons import Reason
from pipeline.core.notices.delivery import Delivery
from pipeline.core.notices.groups import short_hash
from pipeline.core.notices.suppression import Mute, Suppression, Why
from schemas.structs import Alert, AlertDecision


def decisions_of(held: Suppression) -> Iterator[AlertDecision]:
    """Yield a record for each channel that is not told, or one without a channel.

    What was measured is the alert's: it says what people were not told of. The identity is made from the alert's
    transition, the channel, and all that says why, so that the same decision taken again has the same.
    """
    alert, mute = held.alert, held.mute
    for channel in held.channels or ("",):
        because = (mute.why, mute.by, mute.author, mute.until_ms, held.answer)
        yield msgspec.structs.replace(
            _about_alert(alert, short_hash("notifier", alert.alert_id, alert.sequence, channel, *because), mute.why),
            previous_state=alert.state,
            channel=channel or None,
            held_by=mute.by or None,
            author=mute.author or None,
            until_ms=mute.until_ms,
            answer=held.answer or None,
            held_ms=held.at_ms,
        )


def decision_on(alert: Alert) -> AlertDecision:
    """Return the record of why the notifier raised or ended an alert about the pipeline itself."""
    reason = Reason.BREACH if alert.state == "firing" else Reason.RECOVERED
    decision = _about_alert(alert, short_hash("watch", alert.alert_id, alert.sequence), reason)
    return msgspec.structs.replace(decision, notice=alert.notify_reason)


def _about_alert(alert: Alert, decision_id: str, reason: str) -> AlertDecision:
    return AlertDecision(
        decision_id=decision_id,
        rule=alert.rule,
        rule_type=alert.rule_type,
        rule_version=alert.rule_version or "",
        environment=alert.environment,
        service=alert.service,
        operation=alert.operation,
        dimensions=alert.dimensions,
        series=alert.series,
        step_end_ms=alert.step_end_ms,
        decided=alert.decided,
        since_ms=alert.step_end_ms,
        state=alert.state,
        previous_state=alert.previous_state,
        severity=alert.severity,
        alert_id=alert.alert_id,
        sequence=alert.sequence,
        reason=reason,
        value=alert.value,
        threshold=alert.threshold,
        comparison=alert.comparison,
        unit=alert.unit,
        samples=alert.samples,
        window=alert.window,
        window_start_ms=alert.window_start_ms,
        window_end_ms=alert.window_end_ms,
        watermark_ms=alert.watermark_ms,
        completeness=alert.completeness,
    )


def held_in_lane(before: Delivery | None, delivery: Delivery, now_ms: int) -> Iterator[Suppression]:
    """Yield what is new about a delivery that does not go out: why it waits, and that it was given up."""
    known = () if before is None else before.held
    for why in delivery.held:
        if why not in known:
            yield from _about(delivery, Mute(why), now_ms, "")
    if delivery.state == "undelivered" and (before is None or before.state != "undelivered"):
        yield from _about(delivery, Mute(Why.UNDELIVERED, delivery.key), now_ms, _given_up(delivery))


def _about(delivery: Delivery, mute: Mute, now_ms: int, answer: str) -> Iterator[Suppression]:
    told = delivery.notification
    for alert in told.alerts:
        yield Suppression(
            mute=mute, at_ms=now_ms, alert=alert, channels=(delivery.channel,), group=told.group, answer=answer
        )


def _given_up(delivery: Delivery) -> str:
    attempts = f"{delivery.attempts} attempt{'s' * (delivery.attempts != 1)}"
    return f"{attempts}: {delivery.answer}" if delivery.attempts else delivery.answer
