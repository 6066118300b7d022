"""One thing that `pipeline doctor` looked at: what it found, whether that is well, and what to do if not."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "note", "wrong"]


class Checkup(msgspec.Struct, frozen=True):
    """`state` is ok, note (worth knowing), or wrong; `advice` says what to do and is empty when all is well."""

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Checkup:
    """Return that all is well."""
    return Checkup(name, "ok", found)


def note(name: str, found: str, advice: str = "") -> Checkup:
    """Return something that is worth knowing and breaks nothing."""
    return Checkup(name, "note", found, advice)


def wrong(name: str, found: str, advice: str) -> Checkup:
    """Return something that has to be put right."""
    return Checkup(name, "wrong", found, advice)
