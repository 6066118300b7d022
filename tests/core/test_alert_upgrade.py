"""What the release before wrote can be read: its alert states go on, and its alerts' schema still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.alert_state import AlertStates, decode_state, encode_state
from schemas.generate import schema_text
from tests.scenarios.timeline import Timeline

BEFORE = Path(__file__).parents[1] / "contracts" / "before"
"""Written by commit 0761b85, the decisions by 83f08ac; to be replaced with each release."""

STATES = (BEFORE / "alert_states.jsonl").read_bytes().splitlines()
RULES = """
rules:
  - {name: errors, type: error_rate, window: 1m, severities: {warning: 2%, critical: 5%}, keep_firing: 0}
  - {name: lasting, type: error_rate, window: 1m, for: 40s, severities: {info: 1%}, keep_firing: 30s}
  - {name: p95, type: response_time, window: 1m, severities: {warning: 1s}, keep_firing: 20s}
  - {name: critical, type: critical_error, hold: 10m}
"""


@pytest.mark.parametrize("payload", STATES, ids=lambda payload: json.loads(payload)["rule"])
def test_a_state_of_the_release_before_is_read_and_written_anew(payload: bytes) -> None:
    assert json.loads(payload)["format"] == 1
    state = decode_state(payload)
    assert decode_state(encode_state(state)) == state
    assert state.frozen_ms is None


def test_alerts_that_the_release_before_began_go_on_where_they_stood() -> None:
    """At 160 s the old release stopped: p95 fired at 140, `lasting` was pending since 150, a critical error at 150."""
    line = Timeline(RULES)
    line.traffic.steady(130, 160, 100, 4, duration_us=3_000_000)
    line.traffic.steady(160, 230, 100, 4)
    line.traffic.steady(230, 400, 100)
    line.states = AlertStates(map(decode_state, STATES))
    assert line.run(160, 400) == [
        "170 firing warning BREACH SUPPRESS_COOLDOWN",
        "190 firing info BREACH SUPPRESS_COOLDOWN",
        "220 recovering warning CALM SUPPRESS_RECOVERING",
        "240 resolved warning RECOVERED NOTIFY_RESOLVED",
        "260 resolved warning RECOVERED SUPPRESS_NEVER_TOLD",
        "280 recovering info CALM SUPPRESS_RECOVERING",
        "310 resolved info RECOVERED SUPPRESS_NEVER_TOLD",
    ]
    before = {json.loads(payload)["rule"]: json.loads(payload)["last_transition"]["alert_id"] for payload in STATES}
    ids = {state.rule: state.last_transition.alert_id for state in line.states}
    assert [rule for rule in before if ids[rule] == before[rule]] == ["critical", "lasting", "p95"]


Schema = dict[str, Any]
WORDS = {"description", "title", "examples", "default"}


def broken_promises(before: Schema, now: Schema) -> list[str]:
    """What a consumer of the old schema may rely on and the new one does not keep."""
    found = [f"{name} was removed" for name in before["properties"] if name not in now["properties"]]
    for name in before["properties"].keys() & now["properties"].keys():
        old, new = kinds(before["properties"][name]), kinds(now["properties"][name])
        if old != new:
            found.append(f"{name} was {old}, is {new}")
    found += [f"{name} became required" for name in now.get("required", []) if name not in before.get("required", [])]
    for name, definition in before.get("$defs", {}).items():
        found += [f"{name}: {text}" for text in broken_promises(definition, now.get("$defs", {}).get(name, now))]
    return sorted(found)


def kinds(field: Schema) -> list[str]:
    """What values a field may have, without the words that describe it."""
    options = field.get("anyOf", [field])
    return sorted(
        json.dumps({key: value for key, value in option.items() if key not in WORDS}, sort_keys=True)
        for option in options
    )


@pytest.mark.parametrize("kind", ["alert", "alert_decision"])
def test_the_schema_of_alerts_and_decisions_keeps_what_the_release_before_promised(kind: str) -> None:
    before = json.loads((BEFORE / f"{kind}.schema.json").read_text("utf-8"))
    assert broken_promises(before, json.loads(schema_text(kind))) == []


def test_a_field_that_goes_or_changes_or_becomes_required_is_found() -> None:
    before = json.loads((BEFORE / "alert.schema.json").read_text("utf-8"))
    now = json.loads(schema_text("alert"))
    del now["properties"]["summary"]
    now["properties"]["value"] = {"type": "string"}
    now["required"].append("labels")
    texts = broken_promises(before, now)
    assert [text.split(" ")[0] for text in texts] == ["labels", "summary", "value"]
