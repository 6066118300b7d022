"""A proxy in front of ClickHouse that can do to an insert whatever a network and a bad day can."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from enum import StrEnum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlencode, urlsplit

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a connection a reset."""
_NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Mode(StrEnum):
    """What happens to a request."""

    PASS = "pass"
    REFUSE = "refuse"  # the connection is reset before anything is read
    SLOW = "slow"  # it is passed on after `slow_seconds`
    HANG = "hang"  # it is read, and neither passed on nor answered
    HANG_AFTER = "hang_after"  # it is passed on, and never answered
    RESET = "reset"  # the connection is reset in the middle of the body
    ERROR_AFTER = "error_after"  # it is passed on, and answered with 500 once the engine has answered
    CUT = "cut"  # it is passed on, and the connection ends in the middle of the answer
    GARBAGE = "garbage"  # it is not passed on, and answered with 200 and nonsense


class ClickHouseProxy:
    """Passes requests on to `target`; in another mode than PASS, `inserts` alone or everything suffers from it.

    `suffered` counts by mode. A change of the mode releases what hangs, as a reset. `settings` of ClickHouse are added
    to every insert.
    """

    def __init__(self, target: str, *, slow_seconds: float = 2.0) -> None:
        self.suffered: Counter[Mode] = Counter()
        self.settings: dict[str, str] = {}
        self.slow_seconds = slow_seconds
        self.mode, self.inserts_only = Mode.PASS, True
        self.changed = threading.Event()
        self.target = urlsplit(target)
        self._server = _Server(("127.0.0.1", 0), _Passing)
        self._server.proxy = self

    @property
    def address(self) -> str:
        user = self.target.netloc.rpartition("@")
        return f"http://{user[0]}{user[1]}127.0.0.1:{self._server.server_address[1]}"

    def set(self, mode: Mode, *, inserts_only: bool = True) -> None:
        self.mode, self.inserts_only = mode, inserts_only
        self.changed.set()
        self.changed = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.set(Mode.REFUSE, inserts_only=False)
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    proxy: ClickHouseProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up, or a server that is gone, is what these tests are about."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        proxy = self.server.proxy
        length = int(self.headers.get("Content-Length", 0))
        is_insert = self._is_insert(length)
        if is_insert and proxy.settings:
            self.path += "&" + urlencode(proxy.settings)
        mode = proxy.mode if is_insert or not proxy.inserts_only else Mode.PASS
        changed = proxy.changed
        proxy.suffered[mode] += 1
        if mode in {Mode.REFUSE, Mode.RESET}:
            self.rfile.read(0 if mode is Mode.REFUSE else length // 2)
            self._reset()
            return
        body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        if mode is Mode.SLOW:
            time.sleep(proxy.slow_seconds)
        if mode is Mode.HANG:
            changed.wait()
            self._reset()
        elif mode is Mode.GARBAGE:
            self._answer(200, [], b"\x00\xff nonsense")
        else:
            self._pass_on(mode, body, changed)

    def _is_insert(self, length: int) -> bool:
        begin = self.rfile.peek(64)[:64] if length else b""  # type: ignore[attr-defined] # it is a BufferedReader
        return b"INSERT INTO" in begin.upper() or "INSERT INTO" in unquote(self.path).replace("+", " ").upper()

    def _pass_on(self, mode: Mode, body: bytes, changed: threading.Event) -> None:
        target = self.server.proxy.target
        engine = HTTPConnection(target.hostname or "", target.port or 8123)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            engine.request(self.command, self.path, body, headers)
            got = engine.getresponse()
            answer = got.read()
        except OSError:
            self._reset()
            return
        finally:
            engine.close()
        if mode is Mode.HANG_AFTER:
            changed.wait()
            self._reset()
        elif mode is Mode.ERROR_AFTER:
            self._answer(500, [("X-ClickHouse-Exception-Code", "1000")], b"Code: 1000. DB::Exception: on a bad day")
        else:
            self._answer(got.status, got.getheaders(), answer, cut=mode is Mode.CUT)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + 100 if cut else len(body)))
        if cut:
            self.wfile.write(b"".join(self._headers_buffer)[:40])  # type: ignore[attr-defined] # not in typeshed
            self._reset()
            return
        self.end_headers()
        self.wfile.write(body)

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()
