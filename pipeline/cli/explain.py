"""`pipeline explain`: why there was an alert, or why there was none."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli.configuration import load, resolve
from pipeline.cli.console import out, print_json, warn
from pipeline.cli.explain_evidence import evidence_story, read_evidence
from pipeline.cli.explain_query import read_alert, read_around, read_last_change, read_samples, read_windows
from pipeline.cli.explain_story import alert_story, moment_story
from pipeline.cli.history import history
from pipeline.cli.moments import moment_ms
from pipeline.cli.rules_held import held_rules, here
from pipeline.core.rules import Rule
from pipeline.core.series import Series
from pipeline.errors import FatalError
from pipeline.kept_windows import kept_windows
from pipeline.settings import Settings, window_ms

_BEFORE_MS, _AFTER_MS = 300_000, 60_000
"""What was decided so long before and after a moment belongs to its story."""


def explain(
    alert_id: Annotated[str, typer.Argument(help="The alert, by its alert_id.")] = "",
    rule: Annotated[str, typer.Option(help="Instead of an alert: this rule …")] = "",
    series: Annotated[str, typer.Option(help="… on this series, as alerts write it: prod/checkout/pay …")] = "",
    at: Annotated[str, typer.Option(help="… at this event time: 2h ago, or 2026-11-22T10:00 (UTC).")] = "",
    clickhouse: Annotated[str, typer.Option(help="ClickHouse's address, in place of PIPELINE_CLICKHOUSE.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")] = False,
) -> None:
    """Tell why an alert came, or why a rule did or did not alert on a series at a time: in sentences, with the numbers.

    Asks the history alone: the alerts, the decisions, and what the windows held. Times are event time, in UTC.
    """
    if bool(alert_id) == bool(rule and series and at):
        raise typer.BadParameter("give an ALERT_ID, or all of --rule, --series and --at")
    settings = load()
    if clickhouse:
        settings = settings.model_copy(update={"clickhouse": clickhouse})
    settings = resolve(settings, kafka=False)
    if alert_id:
        found = _of_alert(settings, alert_id)
    else:
        at_ms = moment_ms(at, time.time_ns() // 1_000_000)
        found = _of_moment(settings, rule, series_of(series), at_ms)
    if as_json:
        print_json(found)
        return
    for line in found["story"]:
        out.print(escape(line), soft_wrap=True)


def series_of(label: str) -> Series:
    """Return the series that people write as ``prod/checkout/pay``, ``prod/checkout`` or ``prod{region=eu}``."""
    names, _, dimensions = label.strip().partition("{")
    environment, service, operation, *_ = [*names.split("/", 2), "", ""]
    if not environment:
        raise typer.BadParameter(f"{label!r} is no series: write it as alerts do, for example prod/checkout/pay")
    return Series(environment, service, operation, dimensions.removesuffix("}"))


def _of_alert(settings: Settings, alert_id: str) -> dict[str, Any]:
    with history(settings) as client:
        told, samples = read_alert(client, alert_id), read_samples(client, alert_id)
        evidence = read_evidence(client, told, settings.slow_threshold_ms)
    if not told:
        raise FatalError(
            f"The history has no alert {alert_id!r}. `pipeline alerts --all --json` shows each one's alert_id; it "
            "lands a second or two after it was raised."
        )
    story = [*alert_story(told, samples), *evidence_story(evidence)]
    return {"story": story, "decisions": told, "sample_events": samples, "evidence": evidence}


def _rules_now(settings: Settings) -> list[Rule]:
    """Return the rules as they are now; what was changed at run time only if Kafka answers."""
    try:
        settings, orders = here(settings)
    except FatalError as error:
        orders = None
        warn(f"What was changed about rules at run time is not known: {error}")
    return held_rules(settings, orders).rules


def _of_moment(settings: Settings, name: str, series: Series, at_ms: int) -> dict[str, Any]:
    rules = _rules_now(settings)
    with history(settings) as client:
        before = read_last_change(client, name, series, at_ms)
        around = read_around(client, name, series, at_ms - _BEFORE_MS, at_ms + _AFTER_MS)
        windows = read_windows(client, series, at_ms, settings.pane_seconds * 1_000)
    story = moment_story(
        next((one for one in rules if one.name == name), None),
        name,
        series,
        at_ms,
        before,
        around,
        windows,
        {one: window_ms(one) for one in kept_windows(settings)},
        settings.slow_threshold_ms,
    )
    held = [{"window": window, **row} for window, row in windows.by_name.items()]
    return {"story": story, "decisions": around, "windows": held}
