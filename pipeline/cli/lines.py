"""Reads newline-delimited input, plain or gzip, from a file or stdin, without holding up the event loop."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, cast

from pipeline.errors import FatalError

_CHUNK_BYTES = 256 * 1024
_CHUNKS_AHEAD = 4
_GZIP = b"\x1f\x8b"
_OTHER_PACKERS = {
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"BZh": "bzcat",
    b"\xfd7zXZ": "xzcat",
    b"PK\x03\x04": "unzip -p",
    b"\x04\x22\x4d\x18": "lz4cat",
}


class Input:
    """A named source of lines; `name` ``-`` is stdin. Raises FatalError that says what is wrong with a file.

    - `size_bytes`: of the file, None where that is not known
    - `read_bytes`: how much of the file was read so far, before unpacking
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.size_bytes: int | None = None
        self._raw = self._open()
        self._lines = self._unpacked()

    @property
    def read_bytes(self) -> int:
        """How much of the file was read so far, packed as it is."""
        return self._raw.tell() if self.size_bytes is not None else 0

    async def chunks(self) -> AsyncIterator[list[bytes]]:
        """Yield lists of whole lines without their ends, as they come; the last line needs no newline.

        A thread reads ahead a little: one that waits for stdin holds up neither the event loop nor the end of it.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[list[bytes] | Exception | None] = asyncio.Queue(_CHUNKS_AHEAD)

        def put(item: list[bytes] | Exception | None) -> None:
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

        def read() -> None:
            try:
                for lines in self._blocks():
                    put(lines)
                put(None)
            except (OSError, EOFError) as error:
                put(error)
            except RuntimeError:  # the event loop is gone: nobody wants the rest
                return

        threading.Thread(target=read, daemon=True).start()
        while (item := await queue.get()) is not None:
            if isinstance(item, Exception):
                raise FatalError(f"{self.name} cannot be read to its end: {item}")
            yield item

    def _blocks(self) -> Iterator[list[bytes]]:
        rest = b""
        while block := self._lines.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]  # all of ours are buffered
            *lines, rest = (rest + block).split(b"\n")
            yield lines
        if rest:
            yield [rest]

    def _open(self) -> IO[bytes]:
        if self.name == "-":
            # Not sys.stdin: Python cannot end while the thread that reads ahead has that one's lock.
            return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
        path = Path(self.name)
        if path.is_dir():
            raise FatalError(f"{path} is a folder. Give a file, or several with `cat {path}/* | pipeline publish -`.")
        try:
            raw = path.open("rb")
        except FileNotFoundError:
            raise FatalError(f"There is no file {path} (looked in {Path.cwd()}). `-` reads from stdin.") from None
        except PermissionError:
            raise FatalError(f"{path} may not be read by this user.") from None
        self.size_bytes = path.stat().st_size if path.is_file() else None
        return raw

    def _unpacked(self) -> IO[bytes]:
        first = self._raw.peek(8)[:8]  # type: ignore[attr-defined]  # both kinds are buffered readers
        if first.startswith(_GZIP):
            return cast(IO[bytes], gzip.GzipFile(fileobj=self._raw))
        for magic, tool in _OTHER_PACKERS.items():
            if first.startswith(magic):
                raise FatalError(f"{self.name} is packed, and not with gzip: `{tool} {self.name} | pipeline publish -`")
        return self._raw
