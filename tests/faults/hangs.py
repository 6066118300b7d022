"""A worker whose fetches never return once it is at work: alive, in its group, and stuck."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from pipeline.cli.main import main
from pipeline.faust_ext.consumer import BatchThread

getmany = BatchThread.getmany


async def getmany_or_hang(self: BatchThread, *args: Any, **options: Any) -> Any:
    if (Path(os.environ["PIPELINE_HOME"]) / "hang").exists():
        await asyncio.Event().wait()
    return await getmany(self, *args, **options)


if __name__ == "__main__":
    setattr(BatchThread, "getmany", getmany_or_hang)  # noqa: B010 - the type checker would mind, and be right
    main()
