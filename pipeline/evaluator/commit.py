"""What the evaluator's commit on `panes` carries beside the held-back offset."""

from __future__ import annotations

import msgspec


class EvaluatorCommit(msgspec.Struct, array_like=True, tag="e1", frozen=True):
    """Metadata of a commit. `owner` is the boot id of the process, `engine` what `WindowEngine.commit_state` said.

    `long` is the same of the long windows, empty where none are kept.
    """

    owner: str
    position: int
    engine: str
    long: str = ""


def encode(commit: EvaluatorCommit) -> str:
    """Return the metadata string."""
    return msgspec.json.encode(commit).decode()


def decode(metadata: str) -> EvaluatorCommit:
    """Return the commit in a metadata string; raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(metadata, type=EvaluatorCommit)
