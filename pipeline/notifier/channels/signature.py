"""The signature of a webhook: HMAC-SHA256 over ``timestamp.body``, so that a receiver knows who sent it, and when."""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP_HEADER = "Pipeline-Timestamp"
SIGNATURE_HEADER = "Pipeline-Signature"
TOLERANCE_S = 300
"""How old (or how far ahead) a message's timestamp may be for a receiver: each attempt is signed anew."""


def signature(secret: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of the signature's header: its version and 64 hexadecimal digits."""
    signed = f"{timestamp_s}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
