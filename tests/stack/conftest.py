"""The real servers, for every test of the stack. Each is started once a session, when the first test asks for it.

With pytest-xdist each worker starts its own. Tests in other folders import what they need from the fixture files.
"""

from tests.contracts.history_fixture import empty_history, history, migrated_history
from tests.stack.clickhouse_curl import curl, table
from tests.stack.clickhouse_fixture import clickhouse, embedded_clickhouse, own_database
from tests.stack.kafka_fixture import embedded_kafka, kafka, stack_settings
from tests.stack.up_fixture import cli, lone_cli, session_up
from tests.stack.verify_fixture import settled, told

__all__ = [
    "cli",
    "clickhouse",
    "curl",
    "embedded_clickhouse",
    "embedded_kafka",
    "empty_history",
    "history",
    "kafka",
    "lone_cli",
    "migrated_history",
    "own_database",
    "session_up",
    "settled",
    "stack_settings",
    "table",
    "told",
]
