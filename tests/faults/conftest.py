"""The fault tests use the servers of the stack tests."""

from tests.contracts.history_fixture import empty_history, history, migrated_history
from tests.stack.clickhouse_fixture import clickhouse, embedded_clickhouse
from tests.stack.kafka_fixture import embedded_kafka, kafka, stack_settings

__all__ = [
    "clickhouse",
    "embedded_clickhouse",
    "embedded_kafka",
    "empty_history",
    "history",
    "kafka",
    "migrated_history",
    "stack_settings",
]
