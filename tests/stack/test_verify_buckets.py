"""The bucket of a duration is the same in ClickHouse's SQL and in the histogram, for every duration at risk."""

import numpy as np
import pytest

from pipeline.core.histogram import MAX_US, index_of
from pipeline.history.buckets import BUCKET_ENDS, ENDS_US, bucket_sql
from tests.contracts.history_fixture import History

pytestmark = pytest.mark.stack


def test_sql_names_the_same_bucket_at_every_boundary_and_below_three_thousand(history: History) -> None:
    ends = np.array(ENDS_US)
    powers = 2 ** np.arange(32)
    at_risk = np.concatenate([ends - 1, ends, ends + 1, powers - 1, powers, powers + 1, np.arange(3_000), [MAX_US]])
    values = np.unique(at_risk[(at_risk >= 0) & (at_risk <= MAX_US)])
    rows = history.ask(
        f"{BUCKET_ENDS} SELECT {bucket_sql('v')} FROM (SELECT arrayJoin({{v:Array(UInt64)}}) AS v)", v=values.tolist()
    )
    assert [bucket for (bucket,) in rows] == index_of(values).tolist()


def test_sql_names_the_same_bucket_for_durations_from_the_whole_range(history: History) -> None:
    rng = np.random.default_rng(7)
    values = np.floor(np.exp(rng.uniform(0, np.log(MAX_US), 200_000))).astype(np.int64)
    expected = int((index_of(values).astype(np.int64) * np.arange(values.size)).sum())
    history.client.command(
        f"CREATE OR REPLACE TABLE {history.settings.database}.v (n UInt64, v UInt64) ENGINE = Memory"
    )
    history.client.insert(
        "v", list(zip(range(values.size), values.tolist(), strict=True)), database=history.settings.database
    )
    found = history.one(f"{BUCKET_ENDS} SELECT sum(toInt64({bucket_sql('v')}) * n) FROM {{db}}.v")
    history.client.command(f"DROP TABLE {history.settings.database}.v")
    assert found == expected
