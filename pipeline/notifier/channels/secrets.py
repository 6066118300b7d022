"""Secrets: named in the configuration, read when they are used, and blotted out of everything that is said."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from pipeline.notifier.message import Refused

BLOT = "***"
LEAST_PART = 8


@dataclass(frozen=True, slots=True)
class SecretName:
    """Where a secret stands: in an environment variable or in a file. It holds no secret itself."""

    field: str  # such as token: the configuration has token_env or token_file
    env: str | None = None
    file: str | None = None

    def __bool__(self) -> bool:
        """Return whether the configuration names a place at all."""
        return bool(self.env or self.file)

    def read(self) -> str:
        """Return the secret as it is now, without white space around it.

        Raises Refused, to be tried again, when it is not there, is empty, or could not stand in a header.
        """
        found = self._found()
        if not found or not found.isprintable():
            what = "is empty" if not found else "has a line break or another unprintable character inside"
            raise Refused(f"{self.place()} {what}; it must hold the secret, alone")
        return found

    def place(self) -> str:
        """Return where the secret stands, for people."""
        return f"{self.field}: variable {self.env}" if self.env else f"{self.field}: file {self.file}"

    def _found(self) -> str:
        if self.env:
            if self.env not in os.environ:
                raise Refused(f"{self.place()} is not set; set it where the notifier runs")
            return os.environ[self.env].strip()
        try:
            return Path(self.file or "").read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:  # its text would show what is in the file
            raise Refused(f"{self.place()} is not text in UTF-8") from None
        except OSError as error:
            raise Refused(f"{self.place()} can't be read: {error.strerror}") from None


def redacted(text: str, secrets: Collection[str]) -> str:
    """Return a text without the secrets, in whichever of the usual spellings a receiver may echo them."""
    # The longest first: a secret may be a part of another one's spelling.
    for spelling in sorted({one for secret in secrets for one in _spellings(secret)}, key=len, reverse=True):
        text = text.replace(spelling, BLOT)
    return text


def parts_of_address(url: str) -> list[str]:
    """Return a secret address, and its parts that may be secrets: receivers echo the path they were asked for."""
    _, _, rest = url.partition("://")
    _, _, path = rest.partition("/")
    path, _, query = path.partition("?")
    values = [value for pair in query.split("&") for value in (pair, pair.partition("=")[2])]
    # Short ones are words like `v1`; blotting them out would make what is said hard to read.
    return [url, *(part for part in (path, query, *path.split("/"), *values) if len(part) >= LEAST_PART)]


def _spellings(secret: str) -> Iterator[str]:
    if secret:
        coded = secret.encode()
        yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
        yield from (base64.b64encode(coded).decode(), base64.urlsafe_b64encode(coded).decode(), coded.hex())
