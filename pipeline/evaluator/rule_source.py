"""Where the evaluator's rules come from while it runs: the rules file, the environment, and the topic `control`.

What is wrong changes nothing, and is logged. What is right is there for the next look.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka.errors import KafkaError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from pipeline.compacted import Compacted
from pipeline.core.alert_rules import CompiledRules, compile_rules
from pipeline.core.rule_difference import difference
from pipeline.core.rule_orders import RuleOrders
from pipeline.core.rules import Rule
from pipeline.errors import FatalError
from pipeline.evaluator.file_watch import FileWatch
from pipeline.faust_ext.clock import wall_ms
from pipeline.kept_windows import kept_windows
from pipeline.rules_file import PRESET, WrittenRule, load_written
from pipeline.rules_layers import layered
from pipeline.settings import Settings
from pipeline.topics import topics_of

log = logging.getLogger(__name__)

_TRY_SECONDS = 30
_ASK_EVERY_SECONDS = 0.5


class RuleSource(Protocol):
    """The rules as they hold; another object once they have changed."""

    compiled: CompiledRules

    async def refresh(self) -> None:
        """Take in what has changed since the last call."""

    async def catch_up(self) -> None:
        """Take in all that was changed at run time until now: another evaluator may go by it already."""


class FixedRules:
    """Rules that stay as they are."""

    def __init__(self, rules: Sequence[Rule], windows: Sequence[str]) -> None:
        self.compiled = compile_rules(rules, windows)

    async def refresh(self) -> None:
        """Nothing ever changes."""

    async def catch_up(self) -> None:
        """Nothing ever changes."""


class LiveRules:
    """The rules of the settings' file, with the environment over it, with `control` over both.

    Raises FatalError when the file or the environment is wrong to begin with. To be started before it is asked.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._environment = dict(environment)
        path = settings.rules
        self._watch = FileWatch(path) if path is not None and not str(path).startswith(PRESET) else None
        self._orders = RuleOrders()
        self._refused: dict[str, str] = {}
        self._written = load_written(path, kept_windows(settings))
        self.compiled = self._compiled(self._written)
        self._control = Compacted(settings, topics_of(settings).control, self._take)
        self._told = False  # `control` said something that is not in force yet
        self._lock = asyncio.Lock()

    @retry(
        retry=retry_if_exception_type(KafkaError),  # a broker that is starting, a leader that moves
        stop=stop_after_delay(_TRY_SECONDS),
        wait=wait_fixed(_ASK_EVERY_SECONDS),
        reraise=True,
    )
    async def start(self) -> None:
        """Read what was changed at run time."""
        try:
            await self._control.start()
        except KafkaError:
            await self._control.stop()
            raise
        await self._renew(None)

    async def stop(self) -> None:
        """Let go of the connection."""
        await self._control.stop()

    async def refresh(self) -> None:
        """Take in what has changed since the last call."""
        async with self._lock:
            await self._control.poll()
            changed = self._watch is not None and self._watch.has_changed(wall_ms())
            await self._renew(await self._reread() if changed else None)

    async def catch_up(self) -> None:
        """Take in all that was changed at run time until now."""
        async with self._lock:
            try:
                await self._control.catch_up()
            except KafkaError as error:
                log.warning("what was changed about rules at run time can't be read to its end now: %r", error)
            await self._renew(None)

    def _take(self, key: str, value: bytes | None) -> None:
        if self._orders.put(key, value):
            self._told = True

    async def _reread(self) -> list[WrittenRule] | None:
        """Return what the file says now; None where it can't be used."""
        try:
            return await asyncio.to_thread(load_written, self._settings.rules, kept_windows(self._settings))
        except FatalError as error:
            self._refuse(error)
            return None

    async def _renew(self, written: list[WrittenRule] | None) -> None:
        """Put everything together anew, if there is anything new; `written` is the file's content if it has changed."""
        if written is not None:
            try:
                compiled = await asyncio.to_thread(self._compiled, written)
            except FatalError as error:  # the environment is about rules that the file no longer has
                self._refuse(error)
            else:
                self._written = written
                self._told = False
                self._adopt(compiled)
        if self._told:
            self._told = False
            self._adopt(await asyncio.to_thread(self._compiled, self._written))

    def _compiled(self, written: list[WrittenRule]) -> CompiledRules:
        windows = kept_windows(self._settings)
        found = layered(written, self._environment, self._orders.values, windows)
        self._refused = {f"rule {name}": why for name, why in found.refused.items()} | self._orders.unreadable
        return compile_rules(found.rules, windows)

    def _adopt(self, compiled: CompiledRules) -> None:
        for what, why in sorted(self._refused.items()):
            log.warning("what control says of %s is not in force: %s", what, why.replace("\n", "; "))
        told = difference(self.compiled, compiled)
        if told:
            log.info("other rules are in force from the next step on: %s", told)
        if told or list(compiled.by_name) != list(self.compiled.by_name):
            self.compiled = compiled

    def _refuse(self, error: FatalError) -> None:
        text = str(error).replace("\n", "; ")
        log.error("the changed rules are not taken, those from before stay in force: %s", text)
