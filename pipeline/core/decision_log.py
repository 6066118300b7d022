"""The decision log: what the engine decided, as records; what it decides again and again is told once a minute."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from pipeline.core.alert_machine import Look
from pipeline.core.alert_message import ID_CHARACTERS, dimensions_of
from pipeline.core.alert_reasons import Reason
from pipeline.core.alert_rules import CompiledRules
from pipeline.core.alert_state import ACTIVE, AlertState, AlertStates
from pipeline.core.alert_transition import Decision, Evaluation, last_decision
from pipeline.core.decision_throttle import DecisionThrottle
from pipeline.core.measures.shapes import shape_of
from pipeline.core.rules import Rule
from schemas.structs import AlertDecision, AlertPhase


class DecisionLog:
    """Decisions of one shard as records. `windows` is the length of each window by its name."""

    def __init__(self, windows: Mapping[str, int]) -> None:
        self._windows = windows
        self._throttle = DecisionThrottle()

    def told(self, rules: CompiledRules, evaluation: Evaluation, states: AlertStates) -> list[AlertDecision]:
        """Return the records of an evaluation that `states` have taken in."""
        look, found = evaluation.look, list[AlertDecision]()
        for decision in evaluation.decisions if look is not None else ():
            since_ms = self._throttle.since(decision)
            if since_ms is not None:
                state = states.get(decision.rule, decision.series)
                found.append(self._record(rules, decision, state, look, since_ms))
        return found

    def forget(self, rules: Collection[str]) -> None:
        """Forget what was told of some rules: what other rules of their names decide is news."""
        self._throttle.forget(rules)

    def told_again(self, rules: CompiledRules, states: Iterable[AlertState]) -> list[AlertDecision]:
        """Return the last decision of states whose records may not have been sent before a crash."""
        pairs = [(state, last_decision(state)) for state in states]
        return [
            self._record(rules, decision, state, None, decision.step_end_ms)
            for state, decision in pairs
            if decision is not None
        ]

    def _record(
        self, rules: CompiledRules, decision: Decision, state: AlertState | None, look: Look | None, since_ms: int
    ) -> AlertDecision:
        rule, alert, series = rules.by_name.get(decision.rule), decision.alert, decision.series
        quiet = AlertDecision(
            decision_id=decision_id(decision),
            rule=decision.rule,
            rule_type=_type_of(rule, state),
            rule_version=rules.versions.get(decision.rule, ""),
            environment=series.environment,
            service=series.service,
            operation=series.operation,
            dimensions=dimensions_of(series),
            series=series.label(),
            step_end_ms=decision.step_end_ms,
            decided=decision.decided,
            since_ms=since_ms,
            reason=decision.reason,
            value=decision.value,
            samples=decision.samples,
            min_samples=None if rule is None else rule.min_samples,
            watermark_ms=None if look is None else look.watermark_ms,
            completeness=None if look is None else look.completeness,
            **_place_of(decision, state),
            **self._limits(rule, decision.step_end_ms),
        )
        return quiet if alert is None else _changed(quiet, decision)

    def _limits(self, rule: Rule | None, end_ms: int) -> dict[str, Any]:
        """What a rule holds values against: its window, and its least threshold."""
        if rule is None:
            return {"comparison": "", "unit": "", "window": "", "window_start_ms": end_ms, "window_end_ms": end_ms}
        shape, length_ms = shape_of(rule.condition), self._windows.get(rule.window, 0)
        if rule.type in ("absence", "critical_error"):
            length_ms = 0
        return {
            "threshold": rule.thresholds[0].value / shape.scale,
            "comparison": shape.comparison,
            "unit": shape.unit,
            "window": rule.window if length_ms else "",
            "window_start_ms": end_ms - length_ms,
            "window_end_ms": end_ms,
        }


def decision_id(decision: Decision) -> str:
    """Return the identity of a decision: 16 hexadecimal digits of SHA-256 over what it is about, when, and why.

    Of a change the alert's transition belongs to it: critical errors of one instant may begin several episodes.
    """
    change = None if decision.alert is None else (decision.alert.alert_id, decision.alert.sequence)
    parts = (decision.rule, *decision.series, decision.step_end_ms, decision.decided, decision.reason, change)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:ID_CHARACTERS]


def _type_of(rule: Rule | None, state: AlertState | None) -> str:
    if rule is not None:
        return rule.type
    return "" if state is None else state.last_transition.rule_type


def _place_of(decision: Decision, state: AlertState | None) -> dict[str, Any]:
    """The alert that a decision is about, as it is after it, and before it for all that changes nothing."""
    now: AlertPhase = "inactive" if state is None else state.state
    if state is None or (decision.alert is None and now not in ACTIVE):
        return {"state": now, "previous_state": now}
    return {
        "state": now,
        "previous_state": now,
        "severity": state.severity,
        "alert_id": state.last_transition.alert_id,
        "sequence": state.sequence,
    }


def _changed(quiet: AlertDecision, decision: Decision) -> AlertDecision:
    """Return the record of a change: what the alert says is what was decided, also where the rule is another by now."""
    alert = decision.alert
    assert alert is not None
    return msgspec.structs.replace(
        quiet,
        rule_type=alert.rule_type,
        rule_version="" if decision.reason is Reason.RULE_REMOVED else alert.rule_version or "",
        min_samples=decision.min_samples,
        state=alert.state,
        previous_state=alert.previous_state,
        severity=alert.severity,
        alert_id=alert.alert_id,
        sequence=alert.sequence,
        notice=decision.notice,
        threshold=alert.threshold,
        comparison=alert.comparison,
        unit=alert.unit,
        window=alert.window,
        window_start_ms=alert.window_start_ms,
        window_end_ms=alert.window_end_ms,
        watermark_ms=alert.watermark_ms,
        completeness=alert.completeness,
    )
