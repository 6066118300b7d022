"""Traffic through the live engine, in tests."""

from __future__ import annotations

from pipeline.core.window_config import KeptWindows
from pipeline.rehearsal.perform import Found, perform
from pipeline.rehearsal.script import Script, Traffic
from pipeline.rules_file import parse_rules
from pipeline.settings import Settings
from tests.scenarios.timeline import WINDOWS


def performed(rules: str, traffic: list[Traffic], until_ms: int) -> list[Found]:
    """Return the transitions that rules, as YAML, make of traffic."""
    script = Script(
        file="",
        rules=tuple(parse_rules(rules, "rules.yaml", WINDOWS)),
        windows=KeptWindows(WINDOWS),
        traffic=tuple(traffic),
        expected=(),
        only=False,
        until_ms=until_ms,
    )
    return perform(script, Settings())
