"""Makes the lock of Kafka's jars anew: ``python -m pipeline.embedded.lock_jars``. Only for a change of version."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from jgo.env import LockFile
from jgo.maven import Dependency, MavenContext

from pipeline.embedded.jars import LOCK
from pipeline.embedded.maven import repositories

KAFKA = ("org.apache.kafka", "kafka_2.13", "4.3.1")
# Kafka speaks to slf4j and brings log4j, but not the piece between them; without it Kafka's log is empty.
LOG_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4")
SCOPES = (None, "compile", "runtime")


def resolve(repo_cache: Path) -> LockFile:
    """Return the lock of Kafka and everything that it needs at run time; every jar is fetched to be hashed."""
    context = MavenContext(repo_cache=repo_cache, remote_repos=repositories())
    kafka, binding = (context.project(g, a).at_version(v).artifact() for g, a, v in (KAFKA, LOG_BINDING))
    # raw: else log4j's own wishes would decide the version of Kafka's client.
    inputs, transitive = context.resolver.resolve([Dependency(kafka), Dependency(binding, raw=True)])
    needed = [dependency for dependency in (*inputs, *transitive) if dependency.scope in SCOPES]
    return LockFile.from_resolved_dependencies(needed, environment_name=f"kafka-{KAFKA[2]}")


def main() -> None:
    """Write the lock beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        lock = resolve(Path(folder))
    lock.dependencies.sort(key=lambda jar: (jar.groupId, jar.artifactId))
    lock.save(LOCK)
    sys.stdout.write(f"{LOCK}: {len(lock.dependencies)} jars\n")


if __name__ == "__main__":
    main()
