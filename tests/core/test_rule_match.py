import msgspec
import pytest

from pipeline.core.rule_match import RowIndex, watches
from pipeline.core.rules import Absence, ErrorRate, GroupBy, Match, Rule, Threshold
from pipeline.core.series import OVERFLOW, Series

SERIES = [
    Series("prod", "", ""),
    Series("prod", "checkout", ""),
    Series("prod", "checkout", "pay"),
    Series("prod", "checkout", "refund"),
    Series("prod", "search", "query"),
    Series("staging", "checkout", "pay"),
]
RULE = Rule(name="a", condition=ErrorRate(), thresholds=(Threshold("warning", 0.02),))


@pytest.mark.parametrize(
    ("group_by", "match", "rows"),
    [
        ("operation", Match(), [2, 3, 4, 5]),
        ("service", Match(), [1]),
        ("overall", Match(), [0]),
        ("operation", Match(environment=("prod",)), [2, 3, 4]),
        ("operation", Match(service=("check*", "sea?ch")), [2, 3, 4, 5]),
        ("operation", Match(environment=("prod",), operation=("[pq]*",)), [2, 4]),
        ("operation", Match(operation=("PAY",)), []),
        ("service", Match(service=("search",)), []),
    ],
)
def test_a_rule_watches_the_rows_of_its_roll_up_whose_names_fit(
    group_by: GroupBy, match: Match, rows: list[int]
) -> None:
    assert RowIndex(SERIES).rows(group_by, match).tolist() == rows
    rule = msgspec.structs.replace(RULE, group_by=group_by, match=match)
    assert [row for row, series in enumerate(SERIES) if watches(rule, series)] == rows


def test_an_index_of_no_rows_has_none() -> None:
    assert RowIndex([]).rows("operation", Match(service=("a",))).tolist() == []


def test_an_index_knows_when_the_series_have_changed() -> None:
    index = RowIndex(SERIES)
    assert index.is_for(list(SERIES))
    assert not index.is_for(SERIES[1:])
    assert not index.is_for([*SERIES[1:], SERIES[0]])


def test_absence_expects_the_series_it_names_and_never_the_overflow() -> None:
    rule = msgspec.structs.replace(RULE, condition=Absence(), group_by="service")
    assert watches(rule, Series("prod", "checkout", ""))
    assert not watches(rule, Series(OVERFLOW, OVERFLOW, ""))
    named = msgspec.structs.replace(rule, condition=Absence(expect=(Series("prod", "search", ""),)))
    assert watches(named, Series("prod", "search", ""))
    assert not watches(named, Series("prod", "checkout", ""))
