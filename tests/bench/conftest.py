"""The benchmarks' tests use the Kafka of the stack tests."""

from tests.stack.kafka_fixture import embedded_kafka, kafka, stack_settings

__all__ = ["embedded_kafka", "kafka", "stack_settings"]
