"""Every fault by its name."""

from __future__ import annotations

from faults.actions import clickhouse, kafka, workers
from faults.actions.site import Action

ACTIONS: dict[str, Action] = {
    action.__name__: action
    for action in (
        workers.kill,
        workers.zombie,
        workers.stop,
        workers.come_and_go,
        workers.upgrade,
        workers.rules_change,
        kafka.kill_kafka,
        kafka.kafka_frozen,
        kafka.kafka_unreachable,
        kafka.kafka_disk_full,
        kafka.produce_fails,
        kafka.more_partitions,
        clickhouse.kill_clickhouse,
        clickhouse.clickhouse_refuses,
        clickhouse.clickhouse_slow,
        clickhouse.clickhouse_lies,
        clickhouse.clickhouse_disk_full,
    )
}
