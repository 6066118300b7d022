"""The servers that nobody named: an embedded Kafka and an embedded ClickHouse, while the body runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn
from urllib.parse import quote

from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.kafka import EmbeddedKafka
from pipeline.errors import FatalError
from pipeline.kept_windows import kept_windows
from pipeline.notifier.notifications_file import load_notifications
from pipeline.rules_file import load_written
from pipeline.rules_layers import layered
from pipeline.settings import Settings

_LOOK_SECONDS = 0.5


class Servers:
    """What was started here; None for a server that the settings name.

    `settings` has both addresses. `watch` ends with FatalError when one of them ends.
    """

    def __init__(self, settings: Settings, kafka: EmbeddedKafka | None, clickhouse: EmbeddedClickHouse | None) -> None:
        self.settings = settings
        self.kafka = kafka
        self.clickhouse = clickhouse

    async def watch(self) -> NoReturn:
        """Wait for a server to end by itself, and raise FatalError that says which."""
        logs = self.settings.home / "logs"
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.kafka is not None and not self.kafka.running:
                raise FatalError(f"The embedded Kafka has ended. Its log is in {logs}; `pipeline up` starts it again.")
            if self.clickhouse is not None and self.clickhouse.exit_code is not None:
                raise FatalError(
                    f"The embedded ClickHouse has ended (exit code {self.clickhouse.exit_code}). Its log is in {logs}; "
                    "`pipeline up` starts it again."
                )


@contextmanager
def servers(settings: Settings, tell: Callable[[str], None]) -> Iterator[Servers]:
    """Start the servers that the settings do not name, and stop them when the body ends.

    Not asynchronous on purpose: Ctrl-C in the middle of a download or a start ends it there and then. Raises
    FatalError with the way out when one cannot start, such as a port that is taken, and for a rules or notifications
    file with mistakes: nothing is started then.
    """
    windows = kept_windows(settings)
    layered(load_written(settings.rules, windows), os.environ, {}, windows)
    if settings.notifications is not None:
        load_notifications(settings.notifications)
    with ExitStack() as started:
        kafka = clickhouse = None
        found = {}
        if settings.kafka is None:
            tell("Starting Kafka …")
            kafka = started.enter_context(EmbeddedKafka(settings))
            found["kafka"] = kafka.bootstrap
        if settings.clickhouse is None:
            tell("Starting ClickHouse …")
            clickhouse = started.enter_context(EmbeddedClickHouse(settings))
            found["clickhouse"] = _with_password(clickhouse.address, settings)
        yield Servers(settings.model_copy(update=found), kafka, clickhouse)


def _with_password(address: str, settings: Settings) -> str:
    password = settings.clickhouse_password.get_secret_value()
    return address.replace("://", f"://default:{quote(password, safe='')}@", 1) if password else address
