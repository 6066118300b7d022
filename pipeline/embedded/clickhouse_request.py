"""A request of ClickHouse's HTTP interface, read: the SQL, its parameters, its settings, and what is wished for."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from pipeline.embedded.clickhouse_bodies import choose, too_large, unpack
from pipeline.embedded.clickhouse_errors import (
    INVALID_SESSION_TIMEOUT,
    NOT_IMPLEMENTED,
    UNKNOWN_SETTING,
    ServerError,
)

_TRANSPORT = {
    *("query", "database", "default_format", "user", "password", "quota_key", "role", "query_id", "session_id"),
    *("session_timeout", "session_check", "close_session", "stacktrace", "wait_end_of_query", "buffer_size"),
    *("client_protocol_version", "enable_http_compression", "http_zlib_compression_level", "compress", "decompress"),
    *("send_progress_in_http_headers", "http_headers_progress_interval_ms", "add_http_cors_header"),
    *("cancel_http_readonly_queries_on_client_close", "framing"),
}
"""URL parameters that are about the request. Every other one is a setting of this query."""
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SESSION_SECONDS = 60
_SESSION_SECONDS_MAX = 3600


@dataclass(frozen=True, slots=True)
class Query:
    """One request. `text` is the SQL, with the rows of an INSERT behind it. `encoding` is how to pack the answer."""

    text: bytes
    query_id: str
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    database: str = ""
    default_format: str = ""
    session_id: str = ""
    session_seconds: int = _SESSION_SECONDS
    session_must_exist: bool = False
    session_ends: bool = False
    whole: bool = False
    reads_only: bool = False
    encoding: str = ""


async def read(request: web.Request, limit_bytes: int) -> Query:
    """Return what a request asks for. Raises ServerError for what can't be understood, or is larger than the limit."""
    fields: dict[str, str] = {**request.query}
    body = (
        await _read_form(request, fields, limit_bytes) if _is_form(request) else await _read_body(request, limit_bytes)
    )
    _refuse_native_frames(fields)
    text = f"{fields['query']}\n".encode() + body if fields.get("query") else body
    return Query(
        text=text,
        query_id=fields.get("query_id") or str(uuid.uuid4()),
        parameters={name[6:]: value for name, value in fields.items() if name.startswith("param_")},
        settings=_settings(fields),
        reads_only=request.method == "GET",
        database=fields.get("database") or request.headers.get("X-ClickHouse-Database") or "",
        default_format=fields.get("default_format") or request.headers.get("X-ClickHouse-Format") or "",
        session_id=fields.get("session_id", ""),
        session_seconds=_session_seconds(fields),
        session_must_exist=fields.get("session_check") == "1",
        session_ends=fields.get("close_session") == "1",
        whole=fields.get("wait_end_of_query") == "1",
        encoding=choose(request.headers.get("Accept-Encoding", "")) if _wants_packed(fields) else "",
    )


def _is_form(request: web.Request) -> bool:
    # curl --data-binary says form-urlencoded of any body, so only a multipart form is taken for one.
    return request.content_type == "multipart/form-data"


async def _read_body(request: web.Request, limit_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in request.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit_bytes:
            raise too_large(limit_bytes)
    return unpack(b"".join(parts), request.headers.get("Content-Encoding", ""), limit_bytes)


async def _read_form(request: web.Request, fields: dict[str, str], limit_bytes: int) -> bytes:
    size = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None or part.filename is not None:
            raise ServerError(NOT_IMPLEMENTED, "External tables (files in a form) are not supported here")
        value = bytes(await part.read())
        size += len(value)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        fields[part.name] = value.decode()
    return b""


def _refuse_native_frames(fields: dict[str, str]) -> None:
    for name in ("compress", "decompress"):
        if fields.get(name) == "1":
            raise ServerError(
                NOT_IMPLEMENTED,
                f"{name}=1 (ClickHouse's own frames) is not supported here: use Content-Encoding and Accept-Encoding",
            )


def _settings(fields: dict[str, str]) -> dict[str, str]:
    settings = {n: value for n, value in fields.items() if n not in _TRANSPORT and not n.startswith("param_")}
    for name in settings:
        if not _SETTING.fullmatch(name):
            raise ServerError(UNKNOWN_SETTING, f"Unknown setting {name!r}")
    return settings


def _session_seconds(fields: dict[str, str]) -> int:
    text = fields.get("session_timeout", str(_SESSION_SECONDS))
    if not text.isdigit() or int(text) > _SESSION_SECONDS_MAX:
        raise ServerError(
            INVALID_SESSION_TIMEOUT, f"Session timeout {text!r} is not between 0 and {_SESSION_SECONDS_MAX} s"
        )
    return int(text)


def _wants_packed(fields: dict[str, str]) -> bool:
    return fields.get("enable_http_compression", "0") in {"1", "true"}
