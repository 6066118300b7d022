"""Every breach that the stats show is in an episode of its rule: no episode is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from faults.verdict.account import Account
from faults.verdict.check_alerts import by_about
from faults.verdict.clock import clock
from faults.verdict.said import Heard
from faults.verdict.stats_log import RATES
from faults.verdict.verdict import Check, check
from pipeline.core.rule_match import watches
from pipeline.core.rules import ErrorRate, ResponseTime, Rule, SlowOperations
from pipeline.rules_file import load_rules

_MARGIN = 1.02
"""Percentiles in stats are estimates: only what is clearly above a threshold counts."""

EARLY_MS = 70_000
"""So far at most early looks run ahead of the watermark: `early_lag_ms` of `WindowConfig`, and a pane."""


def check_breaches(account: Account, files: Sequence[Path]) -> Check:
    """At every step at which a rule's condition holds, by all the rules files that were in use, its alert fires."""
    sets = [load_rules(file, account.settings.windows) for file in files]
    rules = _in_all(sets)
    heard, wrong, breaches = by_about(account), [], 0
    for rule in rules:
        found = list(_breaches(account, rule))
        breaches += len(found)
        wrong += [
            f"{rule.name} on {account.series.listed[number].label()}: in breach at {clock(step_ms)}, and does not fire"
            for number, step_ms in found
            if not _fires(heard.get((rule.name, account.series.listed[number]), []), step_ms)
        ]
    figures = {"rules": len(rules), "breaches": breaches}
    return check("breaches", "at every breach in the stats its alert fires", wrong, figures)


def _in_all(sets: Sequence[Sequence[Rule]]) -> list[Rule]:
    """Return the rules that can be judged by stats and are in all files, each with its greatest least threshold."""
    named = [{rule.name: rule for rule in rules if _measured(rule)} for rules in sets]
    found = []
    for name in named[0] if named else ():
        same = [rules[name] for rules in named if name in rules]
        if len(same) == len(named):
            found.append(max(same, key=lambda rule: rule.thresholds[0].value))
    return found


def _measured(rule: Rule) -> bool:
    return not rule.for_ms and _rate(rule) is not None


def _rate(rule: Rule) -> tuple[str, float] | None:
    """Return the figure of stats that a rule looks at, and from where on it is a breach for sure."""
    condition, least = rule.condition, rule.thresholds[0].value
    if isinstance(condition, ErrorRate) and not condition.exclude_client_errors:
        return "error_rate", least
    if isinstance(condition, ResponseTime) and condition.statistic == "percentile" and condition.quantile == 0.95:
        return "p95_ms", least / 1_000 * _MARGIN
    if isinstance(condition, SlowOperations) and condition.slow_from_us == 1_000_000:
        return "slow_per_minute", least
    return None


def _breaches(account: Account, rule: Rule) -> Iterator[tuple[int, int]]:
    """Yield (series, step) of every first record of a step that is in breach."""
    measured = _rate(rule)
    assert measured is not None
    rate, above = measured
    series, steps_ms, rates = account.stats.first()
    of_window: npt.NDArray[np.float64] = rates[:, account.stats.windows.index(rule.window)]
    watched = np.array([watches(rule, name) for name in account.series.listed], np.bool_)
    breach = (of_window[:, RATES.index(rate)] > above) & (of_window[:, RATES.index("events")] >= rule.min_samples)
    for row in np.flatnonzero(breach & watched[series]).tolist():
        yield int(series[row]), int(steps_ms[row])


def _fires(told: Sequence[Heard], step_ms: int) -> bool:
    """Return whether a rule's alert fired at a step: told before or at it, and not yet recovering or over.

    Early looks run ahead of the steps on time: an alert that fired early may have done so before a step that is older.
    """
    fired_ms: int | None = None
    for alert in (one.alert for one in told):
        if alert.state == "firing" and fired_ms is None:
            fired_ms = alert.step_end_ms - (EARLY_MS if alert.decided == "early" else 0)
        if alert.state in {"recovering", "resolved", "inactive"}:
            if fired_ms is not None and fired_ms <= step_ms < alert.step_end_ms:
                return True
            fired_ms = None
    return fired_ms is not None and fired_ms <= step_ms
