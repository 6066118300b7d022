"""The answer to one request: its headers, its body packed as wished, and errors as ClickHouse tells them."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict

from aiohttp import web

from pipeline.embedded.clickhouse_bodies import Packer, packer
from pipeline.embedded.clickhouse_engine import Answer
from pipeline.embedded.clickhouse_errors import ServerError
from pipeline.embedded.clickhouse_request import Query

_CONTENT_TYPES = {
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "native": "application/octet-stream",
}
_TAG_BYTES = 8


class Reply:
    """One answer in the making: either `whole`, or `begin`, `send`… and `end`, or `fail`."""

    response: web.StreamResponse

    def __init__(self, request: web.Request, version: str, timezone: str) -> None:
        self._request = request
        self._version = version
        self._headers = {"X-ClickHouse-Server-Display-Name": "embedded", "X-ClickHouse-Timezone": timezone}
        self._encoding = ""
        self._packer: Packer = packer("")
        self._packed = b""
        self._tag = ""

    def about(self, query: Query) -> None:
        """Answer this query: under its id, packed as it wishes."""
        self._headers["X-ClickHouse-Query-Id"] = query.query_id
        self._encoding = query.encoding
        self._packer = packer(query.encoding)

    def pack(self, piece: bytes) -> None:
        """Add bytes to what is sent next. Costs CPU, so not for the event loop."""
        self._packed += self._packer.compress(piece) if piece else b""

    def whole(self, answer: Answer) -> None:
        """Answer with what is packed, all at once."""
        self._describe(answer)
        body = self._packed + self._packer.flush() if answer.first else b""
        if not body:
            self._headers.pop("Content-Encoding", None)
        self.response = web.Response(body=body, headers=self._headers)

    async def begin(self, answer: Answer) -> None:
        """Send the headers and what is packed so far; more will come."""
        self._describe(answer)
        self._tag = secrets.token_hex(_TAG_BYTES)
        self.response = web.StreamResponse(headers={**self._headers, "X-ClickHouse-Exception-Tag": self._tag})
        await self.response.prepare(self._request)
        await self.send()

    async def send(self) -> None:
        """Send what is packed."""
        packed, self._packed = self._packed, b""
        if packed:
            await self.response.write(packed)

    async def end(self) -> None:
        """Send the rest."""
        self._packed += self._packer.flush()
        await self.send()
        await self.response.write_eof()

    async def fail(self, error: ServerError) -> None:
        """Answer with an error: as a status, or when rows have been sent already, in the tagged block behind them."""
        message = error.message(self._version)
        if self._tag:
            block = f"{message}{len(message.encode())} {self._tag}"
            self.pack(f"\r\n__exception__\r\n{self._tag}\r\n{block}\r\n__exception__\r\n".encode())
            self._packed += self._packer.flush()
            await self.send()
            self._break_off()
            return
        code = {"X-ClickHouse-Exception-Code": str(error.code), "Content-Type": "text/plain; charset=UTF-8"}
        kept = {name: value for name, value in self._headers.items() if name != "Content-Encoding"}
        self.response = web.Response(status=error.status, text=None, body=message.encode(), headers={**kept, **code})

    def _break_off(self) -> None:
        # Without the last chunk, so that a client that knows nothing of the block sees that the answer is not whole.
        if self._request.transport:
            self._request.transport.close()

    def _describe(self, answer: Answer) -> None:
        counts = {name: str(count) for name, count in asdict(answer.counts).items()}
        self._headers["X-ClickHouse-Summary"] = json.dumps(counts)
        if answer.format:
            self._headers["X-ClickHouse-Format"] = answer.format
        kind = _CONTENT_TYPES.get((answer.format or "").lower(), "text/plain; charset=UTF-8")
        self._headers["Content-Type"] = kind
        if self._encoding:
            self._headers["Content-Encoding"] = self._encoding
