"""A fake clock and made-up traffic for the alert engine: windows by brute force, one step after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pipeline.core import histogram
from pipeline.core.alert_engine import evaluate, take
from pipeline.core.alert_rules import compile_rules
from pipeline.core.alert_signal import evaluate_signal
from pipeline.core.alert_state import AlertStates, decode_state, encode_state
from pipeline.core.alert_transition import Evaluation, Transition
from pipeline.core.block import ADDITIVE, COLUMN, NO_MIN_US
from pipeline.core.records import Signal
from pipeline.core.series import Series
from pipeline.core.step_view import Status, StepView, WindowColumns
from pipeline.rules_file import load_rules, parse_rules
from pipeline.settings import window_ms

PANE_MS = 10_000
DAY_MS = 86_400_000
WINDOWS = ("1m", "5m")
START_MS = 1_763_791_200_000
"""2025-11-22 06:00:00 UTC; all seconds below count from here."""

PAY = Series("prod", "checkout", "pay")


def ms(seconds: float) -> int:
    return START_MS + round(seconds * 1_000)


def rollups(series: Series) -> tuple[Series, ...]:
    return (series, Series(series.environment, series.service, ""), Series(series.environment, "", ""))


@dataclass(frozen=True)
class Calls:
    """Calls of one series that end at one instant."""

    at_ms: int
    series: Series
    calls: int = 1
    failures: int = 0
    client_errors: int = 0
    cancelled: int = 0
    duration_us: int = 10_000
    weight: int = 1
    warnings: int = 0  # error events, by severity
    errors: int = 0
    criticals: int = 0


@dataclass
class Traffic:
    """Everything that happened, and the windows over it."""

    events: list[Calls] = field(default_factory=list)

    def add(self, at: float, calls: int = 1, failures: int = 0, series: Series = PAY, **more: int) -> None:
        self.events.append(Calls(ms(at), series, calls, failures, **more))

    def steady(self, start: int, end: int, calls: int, failures: int = 0, series: Series = PAY, **more: int) -> None:
        """The same calls in each pane of [start, end) seconds."""
        for at in range(start, end, PANE_MS // 1_000):
            self.add(at, calls, failures, series, **more)

    def spells(self, *starts: int) -> None:
        """A bad pane at each of these seconds, among good ones until 900."""
        for start in range(0, 900, PANE_MS // 1_000):
            self.add(start + 5, 100, 20 if start in starts else 0)

    def view(self, end_ms: int, status: Status = "on_time", until_ms: int | None = None) -> StepView:
        """What a step that ends at `end_ms` shows; early, of the events before `until_ms` alone."""
        known = [event for event in self.events if event.at_ms < (end_ms if until_ms is None else until_ms)]
        last: dict[Series, int] = {}
        for event in known:
            pane_end_ms = event.at_ms - event.at_ms % PANE_MS + PANE_MS
            for series in rollups(event.series):
                last[series] = max(last.get(series, 0), pane_end_ms)
        longest_ms = max(window_ms(name) for name in WINDOWS)
        shown = sorted(series for series, at_ms in last.items() if at_ms > end_ms - longest_ms)
        return StepView(
            series=shown,
            end_ms=end_ms,
            watermark_ms=end_ms if status == "on_time" else end_ms - 12_000,
            status=status,
            revision=0,
            changed=np.ones(len(shown), np.bool_),
            last_event_ms=np.array([last[series] for series in shown], np.int64),
            seen={s: at for s, at in last.items() if s not in shown and at > end_ms - DAY_MS},
            window_names=WINDOWS,
            compute=lambda name: columns(known, shown, end_ms - window_ms(name), end_ms),
            completeness=1.0 if status == "on_time" else 0.75,
        )


@cache
def bucket_column(duration_us: int) -> int:
    return int(histogram.index_of(np.array([duration_us], np.int64))[0]) + 1


def columns(events: list[Calls], shown: list[Series], start_ms: int, end_ms: int) -> WindowColumns:
    rows = {series: row for row, series in enumerate(shown)}
    scalars = np.zeros((len(shown), len(ADDITIVE)), np.int64)
    hist = np.zeros((len(shown), histogram.WIDTH), np.int32)
    min_us, max_us = np.full(len(shown), NO_MIN_US), np.full(len(shown), -1, np.int64)
    for event in events:
        if not start_ms <= event.at_ms < end_ms:
            continue
        for series in rollups(event.series):
            row, calls = rows[series], event.calls * event.weight
            for name, count in (
                ("events", event.calls),
                ("calls", calls),
                ("failures", event.failures * event.weight),
                ("client_errors", event.client_errors * event.weight),
                ("cancelled", event.cancelled * event.weight),
                ("latency_sum_us", event.duration_us * calls),
                ("error_events", event.warnings + event.errors + event.criticals),
                ("errors_warning", event.warnings),
                ("errors_error", event.errors),
                ("errors_critical", event.criticals),
            ):
                scalars[row, COLUMN[name]] += count
            if not event.calls:
                continue
            hist[row, bucket_column(event.duration_us)] += calls
            min_us[row] = min(min_us[row], event.duration_us)
            max_us[row] = max(max_us[row], event.duration_us)
    zeros = np.zeros(len(shown), np.int64)
    none = np.zeros(0, np.int64)
    return WindowColumns(
        start_ms, end_ms, scalars, hist, min_us, max_us, zeros, zeros, none, np.zeros((len(shown), 0), np.int64)
    )


class Timeline:
    """Rules over traffic, step by step. Keeps every transition, as a shell would: states first, then alerts."""

    def __init__(self, rules: str, traffic: Traffic | None = None) -> None:
        self.traffic = traffic if traffic is not None else Traffic()
        self.states = AlertStates()
        self.transitions: list[Transition] = []
        self.evaluations: list[Evaluation] = []
        self.reload(rules)

    def reload(self, rules: str) -> None:
        """Take another rules file."""
        self.compiled = compile_rules(parse_rules(rules, "rules.yaml", WINDOWS), WINDOWS)

    def step(self, end: int, status: Status = "on_time", until: float | None = None) -> list[Transition]:
        """Evaluate the step that ends at a second."""
        return self.take(self.look(end, status, until))

    def look(self, end: int, status: Status = "on_time", until: float | None = None) -> Evaluation:
        """Return what a step would change, and change nothing."""
        view = self.traffic.view(ms(end), status, None if until is None else ms(until))
        return evaluate(self.compiled, view, self.states)

    def keep_only(self, evaluation: Evaluation, number: int) -> list[Transition]:
        """Keep the first transitions of an evaluation, as a worker does that dies in the middle."""
        for transition in evaluation.transitions[:number]:
            self.states.put(transition.state)
        self.transitions += evaluation.transitions[:number]
        return evaluation.transitions[:number]

    def evaluate(self, view: StepView) -> list[Transition]:
        """Evaluate a view."""
        return self.take(evaluate(self.compiled, view, self.states))

    def run(self, start: int, end: int) -> list[str]:
        """Evaluate every step that ends in (start, end], on the watermark; return `story` of what they changed."""
        steps = range(start + PANE_MS // 1_000, end + 1, PANE_MS // 1_000)
        return story([transition for at in steps for transition in self.step(at)])

    def signal(self, at: float, offset: int, series: Series = PAY, watermark: float | None = None) -> list[Transition]:
        """Let a critical error arrive."""
        signal = critical_error(at, offset, series)
        watermark_ms = ms(at if watermark is None else watermark)
        return self.take(evaluate_signal(self.compiled, signal, self.states, watermark_ms))

    def restart(self) -> None:
        """Forget everything but the state records, as bytes."""
        payloads = [encode_state(state) for state in self.states]
        self.states = AlertStates(decode_state(payload) for payload in payloads)

    def take(self, evaluation: Evaluation) -> list[Transition]:
        take(self.states, evaluation)
        self.transitions += evaluation.transitions
        self.evaluations.append(evaluation)
        return evaluation.transitions


def critical_error(at: float, offset: int, series: Series = PAY, source: str = "events.errors-0") -> Signal:
    return Signal(
        epoch=1,
        source=source,
        offset=offset,
        index=0,
        timestamp_ms=ms(at),
        environment=series.environment,
        service=series.service,
        operation=series.operation,
        error_type="CardDeclined",
        message="no such card",
        event_id=f"event-{offset}",
        request_id="r-1",
    )


def story(transitions: list[Transition]) -> list[str]:
    """Each transition as `second state severity reason notice`, with the series in front unless it is PAY."""
    told = []
    for transition in transitions:
        alert = transition.alert
        where = "" if transition.state.series == PAY else f"{transition.state.series.label()} "
        at = (transition.state.last_step_ms - START_MS) // 1_000
        notice = "state only" if alert is None else alert.notify_reason
        told.append(f"{where}{at} {transition.state.state} {transition.state.severity} {transition.reason} {notice}")
    return told


def by_default() -> Timeline:
    """A timeline of the default rules."""
    line = Timeline("rules: []")
    line.compiled = compile_rules(load_rules(None, WINDOWS), WINDOWS)
    return line
