"""A chat on this machine that answers as Slack does: the demo shows what the notifier would post to yours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from pipeline.embedded.ports import LOOPBACK

TOKEN_ENV = "PIPELINE_DEMO_CHAT_TOKEN"  # noqa: S105 - the variable's name; any token will do
_CHANNEL = "C0DEMO"
_KEPT = 50
_NOTIFICATIONS = """\
# Written by `pipeline demo`: its notices go to a chat that runs inside it. docs/notifications.md explains every key.
channels:
  - name: chat
    type: slack
    token_env: {token_env}
    channel: {channel}
    api: {api}
    broadcast_replies: false
routes:
  - name: everything
    channels: [chat]
    group_by: [service, operation, rule]
    group_wait: 2s
    group_interval: 5s
watch: false
"""


class _Posted(msgspec.Struct, frozen=True):
    """The part of a posted or edited message that the demo shows."""

    text: str
    ts: str = ""  # of an edit: which message
    thread_ts: str = ""  # of a reply


class Chat:
    """Takes messages while its body runs. `lines` has what was posted and edited, oldest first; `told` hears each."""

    def __init__(self, told: Callable[[str], None] = lambda _: None) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self._told = told
        self._posted = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/chat.postMessage", self._post)
        app.router.add_post("/api/chat.update", self._update)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def write_notifications(self, path: Path) -> Path:
        """Write the file with which a notifier tells this chat of everything; return its path."""
        assert self._runner is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        api = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/api"
        path.write_text(_NOTIFICATIONS.format(token_env=TOKEN_ENV, channel=_CHANNEL, api=api))
        return path

    async def _post(self, request: web.Request) -> web.Response:
        posted = msgspec.json.decode(await request.read(), type=_Posted)
        self._posted += 1
        if not posted.thread_ts:  # a reply repeats what the edit says
            self._tell("posted", posted)
        return _answer(f"{self._posted}.000000")

    async def _update(self, request: web.Request) -> web.Response:
        edited = msgspec.json.decode(await request.read(), type=_Posted)
        self._tell("edited", edited)
        return _answer(edited.ts)

    def _tell(self, what: str, posted: _Posted) -> None:
        line = f"chat {what}: {posted.text.replace('*', '')}"
        self.lines.append(line)
        self._told(line)


def _answer(ts: str) -> web.Response:
    answer: dict[str, Any] = {"ok": True, "channel": _CHANNEL, "ts": ts}
    return web.json_response(answer)
