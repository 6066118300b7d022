"""Bodies packed and unpacked: gzip, deflate, zstd and lz4, of any number of frames, up to a size."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.frame
import zstandard

from pipeline.embedded.clickhouse_errors import CANNOT_DECOMPRESS, TOO_MANY_BYTES, ServerError

_STEP_BYTES = 4096
"""How much is unpacked at a time, so that a small body can't become gigabytes before its size is looked at."""


class Packer(Protocol):
    """Packs a body piece by piece."""

    def compress(self, piece: bytes, /) -> bytes:
        """Return what is packed so far and not yet returned."""

    def flush(self) -> bytes:
        """Return the rest."""


class _Frame(Protocol):
    """Unpacks one frame, as the classes of zlib, lz4 and zstandard do."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, piece: bytes, /) -> bytes: ...


class _Plain:
    def compress(self, piece: bytes, /) -> bytes:
        return piece

    def flush(self) -> bytes:
        return b""


class _Lz4:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def compress(self, piece: bytes, /) -> bytes:
        head: bytes = b"" if self._begun else self._frame.begin()
        self._begun = True
        packed: bytes = self._frame.compress(piece)
        return head + packed

    def flush(self) -> bytes:
        rest: bytes = self._frame.flush() if self._begun else self.compress(b"") + self._frame.flush()
        return rest


_PACKERS: dict[str, Callable[[], Packer]] = {
    "lz4": _Lz4,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(1, zlib.DEFLATED, 31),
    "deflate": lambda: zlib.compressobj(1),
}


def choose(accept_encoding: str) -> str:
    """Return the encoding to answer in, the cheapest first; empty when the client accepts none that we have."""
    accepted = {part.partition(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((encoding for encoding in _PACKERS if encoding in accepted), "")


def packer(encoding: str) -> Packer:
    """Return a packer for one of the encodings of `choose`; empty leaves bytes as they are."""
    return _PACKERS[encoding]() if encoding else _Plain()


def unpack(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the body unpacked, all frames of it.

    clickhouse-connect sends one lz4 frame per block, so the first frame is not the whole. Raises ServerError when
    it is broken, cut short, of an encoding that we don't have, or larger than `limit_bytes` when unpacked.
    """
    try:
        match encoding.strip().lower():
            case "" | "identity":
                return body
            case "gzip" | "x-gzip":
                return _frames(body, limit_bytes, lambda: zlib.decompressobj(31))
            case "deflate":
                return _frames(body, limit_bytes, zlib.decompressobj)
            case "lz4":
                return _frames(body, limit_bytes, lz4.frame.LZ4FrameDecompressor)
            case "zstd":
                return _frames(body, limit_bytes, lambda: zstandard.ZstdDecompressor().decompressobj())
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise ServerError(
            CANNOT_DECOMPRESS, f"The body is not {encoding}, as Content-Encoding says: {error}"
        ) from error
    raise ServerError(CANNOT_DECOMPRESS, f"Content-Encoding {encoding!r} is not one of gzip, deflate, zstd, lz4")


def too_large(limit_bytes: int) -> ServerError:
    """Return the error for a body above the limit."""
    return ServerError(
        TOO_MANY_BYTES,
        f"The request is larger than {limit_bytes} bytes: send fewer rows in one insert, "
        "or start the embedded ClickHouse with a greater --max-body-bytes",
    )


def _frames(body: bytes, limit_bytes: int, opener: Callable[[], _Frame]) -> bytes:
    parts, size, at = [], 0, 0
    while at < len(body):
        frame = opener()
        while not frame.eof:
            step = body[at : at + _STEP_BYTES]
            if not step:
                raise EOFError("it ends in the middle of a frame")
            parts.append(frame.decompress(step))
            at += len(step) - len(frame.unused_data or b"")
            size += len(parts[-1])
            if size > limit_bytes:
                raise too_large(limit_bytes)
    return b"".join(parts)
