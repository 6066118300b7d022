"""Whether an alert that is not over at the end of a run is so rightly: its condition holds, or held moments ago."""

from __future__ import annotations

import numpy as np

from faults.verdict.account import Account
from faults.verdict.clock import clock
from faults.verdict.said import ToldAlert
from faults.verdict.stats_log import RATES
from faults.verdict.sums import parts_of
from pipeline.core.series import shard_of
from pipeline.settings import window_ms

_MEASURED = {"error_rate": "error_rate", "success_rate": "error_rate", "slow_operations": "slow_per_minute"}
_P95 = "response_time"

LONGEST_KEEP_MS = 60_000
"""The longest `keep_firing` of the rules: for so long an alert may be recovering."""


def why_not_firing(account: Account, alert: ToldAlert) -> str:
    """Return why an alert should be over; empty while it goes on rightly, or where the stats can't tell."""
    _, series = alert.about
    steps = account.stats.steps.get(shard_of(series, account.settings.partitions), set())
    last_ms = max(steps, default=0)
    if alert.state == "recovering":
        over_ms = alert.step_end_ms + LONGEST_KEEP_MS + account.told.pane_ms
        return f"nothing came back until {clock(last_ms)}" if over_ms < last_ms else ""
    if alert.rule_type == "critical_error":
        return _hold_is_over(account, alert, last_ms)
    if alert.rule_type == "absence":
        return _came_back(account, alert)
    return _below(account, alert, last_ms)


def _hold_is_over(account: Account, alert: ToldAlert, last_ms: int) -> str:
    _, series = alert.about
    times = [max(one.timestamp_ms, one.append_ms) for one in account.log.criticals if one.series == series]
    over_ms = max(times, default=alert.started_ms) + window_ms(alert.window) + account.told.pane_ms
    return f"the last critical error's hold was over at {clock(over_ms)}" if over_ms < last_ms else ""


def _came_back(account: Account, alert: ToldAlert) -> str:
    _, series = alert.about
    _, pane, number = parts_of(account.told.found_closed().codes)
    panes = pane[number == account.series.get(series, -1)] * account.told.pane_ms
    return f"events came in pane {clock(int(panes.max()))}" if len(panes) and panes.max() >= alert.step_end_ms else ""


def _below(account: Account, alert: ToldAlert, last_ms: int) -> str:
    rate = _MEASURED.get(alert.rule_type) or ("p95_ms" if alert.rule_type == _P95 and "p95" in alert.summary else "")
    if not rate or alert.threshold is None or alert.window not in account.stats.windows:
        return ""
    number, at_ms, rates = account.stats.first()
    _, series = alert.about
    rows = np.flatnonzero((number == account.series.get(series, -1)) & (at_ms == last_ms))
    if not len(rows):
        return f"nothing is in its windows at {clock(last_ms)}"
    value = float(rates[rows[0], account.stats.windows.index(alert.window), RATES.index(rate)])
    limit = 1 - alert.threshold if alert.rule_type == "success_rate" else alert.threshold
    return "" if value >= limit * 0.99 else f"{rate} is {value:.4g} at {clock(last_ms)}, the threshold {limit:.4g}"
