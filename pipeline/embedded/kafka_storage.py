"""The node's data folder: made (formatted) whole or not at all, and refused when it can't be used."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from pathlib import Path

from pipeline.embedded.kafka_config import NodePaths, java_command, server_properties, write_properties
from pipeline.errors import FatalError

LEAST_FREE_BYTES = 256 * 1024 * 1024
_FORMAT_LIMIT_SECONDS = 120
_HEAP_MB = 128
# The format tool wants ports in its configuration and uses none.
_ANY_PORT = 9092


def make_folders(paths: NodePaths) -> None:
    """Make the node's folders; FatalError when they can't be made or written, or the disk is nearly full."""
    try:
        for folder in (paths.home, paths.properties.parent, paths.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        probe = paths.home / f".writable-{uuid.uuid4().hex}"
        probe.touch()
        probe.unlink()
        free_bytes = shutil.disk_usage(paths.home).free
    except OSError as error:
        raise FatalError(
            f"Kafka can't keep its data in {paths.home}: {error}. Choose another folder with PIPELINE_HOME=FOLDER."
        ) from error
    if free_bytes < LEAST_FREE_BYTES:
        raise FatalError(
            f"Kafka can't keep its data in {paths.home}: {free_bytes >> 20} MiB are free on that disk, it needs "
            f"{LEAST_FREE_BYTES >> 20}. Make room, or choose another folder with PIPELINE_HOME=FOLDER."
        )


def ensure_formatted(paths: NodePaths, jars: list[Path]) -> None:
    """Format the data folder unless it is; interrupted at any point, the next call begins anew."""
    if (paths.log_dirs / "meta.properties").exists():
        return
    unfinished = paths.home / "kafka-data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    configuration = paths.properties.with_name("format.properties")
    write_properties(configuration, server_properties(unfinished, _ANY_PORT, _ANY_PORT + 1))
    _run_format(java_command(jars, _HEAP_MB, paths.logging, "kafka.tools.StorageTool", *_arguments(configuration)))
    shutil.rmtree(paths.log_dirs, ignore_errors=True)
    unfinished.rename(paths.log_dirs)


def _arguments(configuration: Path) -> list[str]:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    # An id that begins with a hyphen would be read as an option.
    return ["format", f"--cluster-id={cluster_id}", "--config", str(configuration)]


def _run_format(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - a list, no shell
        command, capture_output=True, text=True, errors="replace", timeout=_FORMAT_LIMIT_SECONDS, check=False
    )
    if done.returncode:
        raise FatalError(f"Kafka could not make its data folder:\n{(done.stdout + done.stderr)[-2_000:].strip()}")
