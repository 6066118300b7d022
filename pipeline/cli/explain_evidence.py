"""What stands out in the window of an alert, from the raw rows: values among the bad calls, and causes of errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from pipeline.cli.explain_query import Told
from pipeline.cli.figures import count, moment, percent

SHOWN = 3
MESSAGE_CHARACTERS = 120
LEAST_CALLS = 5
"""Fewer bad calls in a window say nothing about what they have in common."""
LEAST_MORE = 0.1
"""A value stands out if its share among the bad calls is greater by so much than among all."""

_FAILED = "success = false AND outcome != 'cancelled'"
_BAD = {
    **dict.fromkeys(("error_rate", "success_rate", "burn_rate"), (_FAILED, "failed calls")),
    "response_time": ("duration_us > {limit:Float64} * 1000", "slow calls"),
    "slow_operations": ("duration_us > {slow:Float64} * 1000", "slow calls"),
}
"""Which calls an alert of a type of rule is about, in SQL, and what they are called."""

_WHERE = """environment = {environment:String}
    AND ({service:String} = '' OR service = {service:String})
    AND ({operation:String} = '' OR operation = {operation:String})"""
_WINDOW = """timestamp >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
    AND timestamp < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"""
_VALUES = """
WITH calls AS (
    SELECT weight, {bad} AS is_bad, arrayFilter(one -> one.2 != '', arrayConcat(
        [('version', version::String), ('instance', instance::String), ('status code', toString(status_code)),
         ('service', if({{service:String}} = '', service::String, '')),
         ('operation', if({{operation:String}} = '', operation::String, ''))],
        JSONExtractKeysAndValues(metadata, 'String'))) AS held
    FROM operations WHERE {where} AND {window}
), (SELECT sumIf(weight, is_bad) FROM calls) AS every_bad, (SELECT sum(weight) FROM calls) AS every
SELECT one.1 AS name, one.2 AS value, sumIf(weight, is_bad) AS bad, every_bad, sum(weight) AS calls, every
FROM calls ARRAY JOIN held AS one GROUP BY name, value
HAVING every_bad >= {{least:UInt64}} AND bad / every_bad - calls / every >= {{more:Float64}}
ORDER BY bad / every_bad - calls / every DESC, name, value LIMIT {{shown:UInt64}}
"""
_ERRORS = f"""
SELECT here.fingerprint AS fingerprint, here.error_type AS error_type, here.message AS message, here.errors AS errors,
    toUnixTimestamp64Milli(ever.first) AS first_ms
FROM (
    SELECT service, fingerprint, any(error_type::String) AS error_type, any(message) AS message, sum(weight) AS errors
    FROM errors WHERE {_WHERE} AND {_WINDOW} GROUP BY service, fingerprint ORDER BY errors DESC LIMIT {{shown:UInt64}}
) AS here INNER JOIN (
    SELECT service, fingerprint, min(timestamp) AS first FROM errors_log
    WHERE environment = {{environment:String}} AND ({{service:String}} = '' OR service = {{service:String}})
    GROUP BY service, fingerprint
) AS ever ON here.service = ever.service AND here.fingerprint = ever.fingerprint
ORDER BY errors DESC, fingerprint
"""  # noqa: S608 - all of it is ours


class Value(msgspec.Struct, frozen=True):
    """A value that stands out among the bad calls of a window: calls with it and without, bad ones and all."""

    name: str
    value: str
    bad: int
    every_bad: int
    calls: int
    every: int


class Cause(msgspec.Struct, frozen=True):
    """Errors of one cause in a window, and when the history saw the first of it."""

    fingerprint: str
    error_type: str
    message: str
    errors: int
    first_ms: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What stands out in ``[start_ms, end_ms)``; `about` names the calls that `values` are of."""

    start_ms: int
    end_ms: int
    about: str = ""
    values: Sequence[Value] = ()
    causes: Sequence[Cause] = ()


def read_evidence(client: Client, told: Sequence[Told], slow_threshold_ms: float) -> Evidence | None:
    """Return what stands out in the window at which an alert fired, or of its last decision if it did not."""
    of_windows = [one for one in told if one.window]
    if not of_windows:
        return None
    one = next((one for one in of_windows if one.state == "firing"), of_windows[-1])
    asked = {
        "environment": one.environment,
        "service": one.service,
        "operation": one.operation,
        "start": one.window_start_ms,
        "end": one.window_end_ms,
        "limit": one.threshold or 0.0,
        "slow": slow_threshold_ms,
        "least": LEAST_CALLS,
        "more": LEAST_MORE,
        "shown": SHOWN,
    }
    bad, about = _BAD.get(one.rule_type, ("", ""))
    values = _VALUES.format(bad=bad, where=_WHERE, window=_WINDOW)
    return Evidence(
        start_ms=one.window_start_ms,
        end_ms=one.window_end_ms,
        about=about,
        values=[Value(*row) for row in client.query(values, asked).result_rows] if bad else [],
        causes=[Cause(*row) for row in client.query(_ERRORS, asked).result_rows],
    )


def evidence_story(found: Evidence | None) -> Iterator[str]:
    """Yield a sentence for each thing that stands out."""
    if found is None:
        return
    for one in found.values:
        yield (
            f"{one.name} {one.value} stands out: {percent(one.bad / one.every_bad)} of the {count(one.every_bad)} "
            f"{found.about} in that window, and {percent(one.calls / one.every)} of all calls."
        )
    for cause in found.causes:
        new = cause.first_ms >= found.start_ms
        since = f"new, first seen {moment(cause.first_ms)}" if new else f"known since {moment(cause.first_ms)}"
        times = "once" if cause.errors == 1 else f"{count(cause.errors)} times"
        yield f"{cause.error_type} came {times} in that window: {_short(cause.message)} ({since})."


def _short(message: str) -> str:
    line = message.split("\n", 1)[0]
    return line if len(line) <= MESSAGE_CHARACTERS else f"{line[: MESSAGE_CHARACTERS - 1]}…"
