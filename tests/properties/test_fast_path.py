"""Firing alerts that stay as they are are passed over at a look: nothing is other than if each was looked at."""

from fractions import Fraction
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.alert_sight import Sight
from pipeline.core.alert_state import AlertState
from pipeline.rehearsal.perform import Found
from pipeline.rehearsal.script import Traffic
from tests.properties.performing import performed
from tests.properties.test_rehearsal import ALWAYS, END_S, calls, errors

RULES = """
rules:
  - {name: rate, type: error_rate, window: 1m, severities: {warning: 5%, critical: 30%}, keep_firing: 10s}
  - {name: calmer, type: error_rate, window: 1m, severities: {warning: 20%, critical: 60%}, recovery: {critical: 40%}}
  - {name: kept, type: error_rate, window: 1m, no_data: keep, severities: {warning: 10%}, recovery: 2%}
  - {name: success, type: success_rate, group_by: service, window: 1m, severities: {warning: 90%}, cooldown: 0s}
  - {name: p90, type: response_time, statistic: p90, window: 1m, severities: {warning: 900ms}, for: 20s}
  - {name: slow, type: slow_operations, group_by: overall, window: 1m, severities: {warning: 10, critical: 40}}
  - {name: errors, type: error_count, group_by: service, window: 1m, severities: {warning: 3, critical: 9}}
"""
stays = Sight.stays


def decided(traffic: list[Traffic]) -> list[Found]:
    return performed(RULES, traffic, END_S * 1_000)


@given(st.lists(calls | errors, min_size=1, max_size=6))
@settings(max_examples=10, deadline=None)
def test_what_is_passed_over_would_have_changed_nothing(traffic: list[Traffic]) -> None:
    found = decided([ALWAYS, *traffic])
    with patch.object(Sight, "stays", lambda *_: False):
        assert decided([ALWAYS, *traffic]) == found


def test_something_is_passed_over() -> None:
    passed: list[bool] = []

    def noted(self: Sight, state: AlertState, row: int) -> bool:
        passed.append(stays(self, state, row))
        return passed[-1]

    with patch.object(Sight, "stays", noted):
        decided([ALWAYS, Traffic(series=ALWAYS.series, from_ms=0, end_ms=90_000, every_ms=500, failed=Fraction(1))])
    assert {True, False} == set(passed)
