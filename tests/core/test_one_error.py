import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.rules_traffic import one_error_notes, per_hour
from pipeline.core.conditions import measure
from pipeline.core.one_error import OneError, one_error
from pipeline.core.rules import (
    BurnRate,
    Condition,
    CriticalError,
    ErrorCount,
    ErrorRate,
    ErrorsPerSecond,
    ResponseTime,
    SuccessRate,
)
from pipeline.errors import FatalError
from tests.core.measured_windows import ago, figures_of, rule

BURN = BurnRate(objective=0.999, short_window="5m")


@pytest.mark.parametrize(
    ("condition", "threshold", "min_samples", "found"),
    [
        (ErrorRate(), 0.02, 20, OneError(20, 49)),
        (ErrorRate(), 0.05, 20, None),
        (ErrorRate(), 0.05, 1, OneError(1, 19)),
        (ErrorRate(), 0.0, 20, OneError(20, None)),
        (ErrorRate(), 1e-9, 20, OneError(20, 999_999_999)),
        (SuccessRate(), 0.98, 20, OneError(20, 49)),
        (SuccessRate(), 0.95, 20, None),
        (BURN, 14.4, 20, OneError(20, 69)),
        (BURN, 14.4, 100, None),
        (ErrorCount(), 0, 1, OneError(0, None)),
        (ErrorCount(), 1, 1, None),
        (ErrorsPerSecond(), 0.0002, 1, OneError(0, None)),
        (ErrorsPerSecond(), 1 / 3_600, 1, None),
        (ResponseTime(), 1, 1, None),
        (CriticalError(), 0, 1, None),
    ],
)
def test_it_is_known_with_how_many_calls_one_error_fires(
    condition: Condition, threshold: float, min_samples: int, found: OneError | None
) -> None:
    assert one_error(rule(condition, threshold, window="1h", min_samples=min_samples), 3_600_000) == found


@given(percent=st.integers(1, 99), kind=st.sampled_from(["error", "success", "burn"]))
def test_the_most_calls_are_those_that_the_engine_takes_for_a_breach(percent: int, kind: str) -> None:
    conditions: dict[str, tuple[Condition, float]] = {
        "error": (ErrorRate(), percent / 100),
        "success": (SuccessRate(), percent / 100),
        "burn": (BURN, percent / 10),
    }
    condition, threshold = conditions[kind]
    one = rule(condition, threshold, window="1h", min_samples=1)
    found = one_error(one, 3_600_000)
    assert found is not None
    assert found.most is not None
    for calls, level in ((found.most, 1), (found.most + 1, 0)):
        assert measure(one, figures_of(one, [ago(1, calls, 1)])).level[0] == level


def test_a_rule_that_asks_for_confidence_is_not_fired_by_one_error() -> None:
    plain = rule(ErrorRate(), 0.02, min_samples=10)
    sure = msgspec.structs.replace(plain, confidence=0.95)
    assert one_error(plain, 60_000) == OneError(10, 49)
    found = one_error(sure, 60_000)
    assert found is not None
    assert found.most is not None
    assert found.most < 20
    for calls, level in ((found.most, 1), (found.most + 1, 0)):
        assert measure(sure, figures_of(sure, [ago(1, calls, 1)])).level[0] == level
    assert one_error(msgspec.structs.replace(sure, min_samples=20), 60_000) is None


def test_a_traffic_picks_the_rules_that_one_error_fires_at_it() -> None:
    burn = rule(BURN, 14.4, window="1h")
    assert list(one_error_notes([burn], per_hour("69/h"))) == [
        "a: one error fires this (info) whenever there are 20 to 69 calls in 1h; at 69 calls an hour there are 69"
    ]
    assert list(one_error_notes([burn], per_hour("70/h"))) == []
    assert list(one_error_notes([burn], per_hour("19/h"))) == []


def test_one_sample_is_enough_where_the_rule_says_so() -> None:
    one = rule(BURN, 14.4, window="1h", min_samples=1)
    (note,) = one_error_notes([one], None)
    assert note == "a: one error fires this (info) whenever there are 69 calls or fewer in 1h"
    (note,) = one_error_notes([rule(ErrorCount(), 0, min_samples=1)], per_hour("1/s"))
    assert note.startswith("a: one error fires this (info) however many calls there are")


def test_a_traffic_that_is_no_rate_is_refused() -> None:
    assert per_hour("") is None
    assert per_hour("0.1/s") == pytest.approx(360)
    with pytest.raises(FatalError, match=r"--traffic lots can't be used; allowed: a rate such as"):
        per_hour("lots")
