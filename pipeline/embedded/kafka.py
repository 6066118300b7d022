"""Apache Kafka on this machine: one node as a child process.

By hand, in the foreground: ``python -m pipeline.embedded.kafka --home FOLDER --port 0``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console

from pipeline.embedded.child import ChildProcess
from pipeline.embedded.folder_lock import FolderLock
from pipeline.embedded.jars import ensure_jars
from pipeline.embedded.kafka_config import (
    NodePaths,
    SecondListener,
    java_command,
    logging_properties,
    server_properties,
    write_properties,
)
from pipeline.embedded.kafka_failure import explain, is_port_taken
from pipeline.embedded.kafka_storage import ensure_formatted, make_folders
from pipeline.embedded.leftover import kill_leftover, remember
from pipeline.embedded.ports import LOOPBACK, answers, assert_port_free, free_port
from pipeline.errors import FatalError
from pipeline.settings import Settings

START_LIMIT_SECONDS = 120.0
STOP_LIMIT_SECONDS = 20.0
_PORT_TRIES = 5
_LOOK_EVERY_SECONDS = 0.05


class EmbeddedKafka:
    """One Kafka node that keeps its data in ``settings.home / "kafka-data"`` and listens on the loopback alone.

    Started again, by the same object or another on the same folder, it has the data that it had, also after
    `kill` or a crash. An object keeps the port of its first start. If this process dies, so does Kafka. `changed` has
    properties of Kafka in place of ours.
    """

    def __init__(
        self,
        settings: Settings,
        console: Console | None = None,
        *,
        second: SecondListener | None = None,
        changed: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._console = console or Console(stderr=True)
        self._paths = NodePaths(settings.home.absolute())
        self._lock = FolderLock(self._paths.lock)
        self._port = settings.kafka_port
        self._second = second
        self._changed = changed
        self._child: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, ``127.0.0.1:PORT``; known once started."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """Process id of the running node; FatalError when none runs."""
        if self._child is None:
            raise FatalError("the embedded Kafka is not running")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the node's process lives."""
        return self._child is not None and self._child.exit_code is None

    def start(self) -> None:
        """Start the node and return when it answers: 5 s, the first time also a download.

        Raises FatalError, with the way out, when the folder is in use or unusable, the port is taken, the jars can't
        be fetched, or Kafka stops or says nothing for 120 s.
        """
        if self.running:
            return
        make_folders(self._paths)
        self._take_folder()
        try:
            self._start_node()
        except BaseException:
            self.kill()
            raise
        self._lock.tell(f"process {os.getpid()}, {self.bootstrap}")

    def stop(self) -> None:
        """Stop the node in order, after 20 s the hard way, and let go of the folder. May be called at any time."""
        if self._child is not None:
            self._child.stop(STOP_LIMIT_SECONDS)
        self._forget()

    def kill(self) -> None:
        """Kill the node at once (SIGKILL), as a crash would."""
        if self._child is not None:
            self._child.kill()
        self._forget()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the node to end by itself; return whether it has."""
        return self._child is None or self._child.wait(seconds)

    def _forget(self) -> None:
        self._child = None
        self._lock.release()

    def _take_folder(self) -> None:
        if not self._lock.acquire(wait=False):
            raise FatalError(
                f"A Kafka already runs on {self._paths.log_dirs} ({self._lock.holder()}). "
                "Stop it, or choose another folder with PIPELINE_HOME=FOLDER."
            )

    def _start_node(self) -> None:
        paths = self._paths
        kill_leftover(paths.pid, str(paths.properties))
        if self._port:
            assert_port_free(self._port, wanted_by="Kafka", setting="PIPELINE_KAFKA_PORT")
        jars = ensure_jars(self._settings.cache, self._console)
        write_properties(paths.logging, logging_properties(paths.log))
        ensure_formatted(paths, jars)
        command = java_command(jars, self._settings.kafka_heap_mb, paths.logging, "kafka.Kafka", str(paths.properties))
        for _ in range(_PORT_TRIES):
            if self._launch(command, self._port or free_port(), free_port()):
                return
        raise FatalError(f"Kafka found its ports taken, {_PORT_TRIES} times. Choose one with PIPELINE_KAFKA_PORT=PORT.")

    def _launch(self, command: list[str], port: int, controller_port: int) -> bool:
        """Start the node on these ports; return False when another program took one of them meanwhile."""
        paths = self._paths
        wanted = server_properties(paths.log_dirs, port, controller_port, self._second, self._changed)
        write_properties(paths.properties, wanted)
        log_begin = paths.log.stat().st_size if paths.log.exists() else 0
        self._child = ChildProcess(command, paths.output)
        remember(paths.pid, self._child.pid)
        if not self._await_answer(self._child, port, log_begin):
            return False
        self._port = port
        return True

    def _await_answer(self, child: ChildProcess, port: int, log_begin: int) -> bool:
        give_up = time.monotonic() + START_LIMIT_SECONDS
        while not child.wait(_LOOK_EVERY_SECONDS):
            # The node opens its port after everything else has started.
            if answers(LOOPBACK, port):
                return True
            if time.monotonic() > give_up:
                raise explain(f"said nothing for {START_LIMIT_SECONDS:.0f} s", self._paths, log_begin)
        if is_port_taken(self._paths, log_begin):
            return False
        raise explain(f"stopped while starting (exit code {child.exit_code})", self._paths, log_begin)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main() -> None:
    """Start one in the foreground, print its address, and stop it when told (Ctrl-C or SIGTERM)."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.embedded.kafka", description=main.__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder for its data")
    parser.add_argument("--port", type=int, default=0, help="its port; 0, the default, takes a free one")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with EmbeddedKafka(Settings(home=arguments.home, kafka_port=arguments.port)) as kafka:
            sys.stdout.write(f"{kafka.bootstrap}\n")
            sys.stdout.flush()
            while not kafka.wait(1):
                pass
            sys.exit("Kafka ended by itself")
    except KeyboardInterrupt:
        return
    except FatalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
