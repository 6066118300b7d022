"""The ClickHouse that the session shares, and a database on it for each test."""

from tests.contracts.history_fixture import empty_history, history, migrated_history
from tests.stack.clickhouse_fixture import clickhouse, embedded_clickhouse

__all__ = ["clickhouse", "embedded_clickhouse", "empty_history", "history", "migrated_history"]
