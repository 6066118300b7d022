"""Whose certificates are believed."""

from __future__ import annotations

import ssl

from pipeline.errors import FatalError


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """Return the context of TLS that believes the system's authorities, or those in a PEM file alone.

    Raises FatalError for a file that can't be read, or has no certificate in it.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise FatalError(f"ca_file {ca_file} has no certificate in PEM that can be used ({error.reason})") from None
    except OSError as error:
        raise FatalError(f"ca_file {ca_file} can't be read: {error.strerror}") from None
