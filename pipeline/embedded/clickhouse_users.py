"""Who may ask the embedded ClickHouse, and as what."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.embedded.clickhouse_errors import AUTHENTICATION_FAILED, ServerError

_COMMON = "implicit_select=0"
_READER_LIMITS = (
    "final=1",
    "max_execution_time=60",
    "max_memory_usage=2000000000",
    "max_result_rows=1000000",
    "max_result_bytes=500000000",
    "allow_introspection_functions=0",
    "readonly=1",
)


@dataclass(frozen=True, slots=True)
class User:
    """A user: `profile` is what chDB is opened with. An empty password admits everyone who reaches the port."""

    name: str
    password: str
    profile: str
    read_only: bool


def users(password: str, reader_password: str) -> dict[str, User]:
    """Return the two users: `default`, who may do all that this process may, and `reader`, who may only read tables.

    The reader's FINAL is on, so that replaced rows never count, and a query ends after 60 s, 2 GB, a million rows.
    """
    return {
        "default": User("default", password, _COMMON, read_only=False),
        "reader": User("reader", reader_password, "&".join((_COMMON, *_READER_LIMITS)), read_only=True),
    }


def identify(known: Mapping[str, User], headers: Mapping[str, str], url: Mapping[str, str]) -> User:
    """Return the user that a request names: in X-ClickHouse-User, basic authentication, or the URL; else `default`.

    Raises ServerError (516) when the password is wrong or there is no such user, without telling which.
    """
    name, password = _named(headers, url)
    user = known.get(name)
    wanted = user.password if user else ""
    matches = hmac.compare_digest(password.encode(), wanted.encode()) or not wanted
    if user is None or not matches:
        raise ServerError(
            AUTHENTICATION_FAILED,
            f"{name}: Authentication failed: password is incorrect, or there is no user with such name.",
        )
    return user


def _named(headers: Mapping[str, str], url: Mapping[str, str]) -> tuple[str, str]:
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        name, _, password = _basic(credentials).partition(":")
        return name or "default", password
    return url.get("user", "default"), url.get("password", "")


def _basic(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ServerError(AUTHENTICATION_FAILED, "The Authorization header is not valid basic authentication") from None
