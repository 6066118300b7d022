"""Dead letters as tables, as text, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
from rich.markup import escape
from rich.table import Table

from pipeline.cli.figures import NOTHING, count, moment, size
from pipeline.dead.hints import hint_for
from pipeline.dead.identity import id_of
from pipeline.dead.letters import Found, headers_of, key_of, service_of, value_of
from schemas.structs import DeadLetter

_DETAIL_CHARACTERS = 110
_DUMP_BYTES = 4_096
_DUMP_WIDTH = 16


def letters_table(letters: Iterable[Found], *, states: bool) -> Table:
    """Return a row for each letter; with `states` also what became of it."""
    table = _table()
    for heading in ("when (UTC)", "id", "reason", "service", *(["state"] if states else [])):
        table.add_column(heading, no_wrap=True)
    table.add_column("tried", justify="right")
    table.add_column("why")
    for one in letters:
        state = [one.state] if states else []
        why = one.detail if len(one.detail) <= _DETAIL_CHARACTERS else f"{one.detail[:_DETAIL_CHARACTERS]}…"
        told = (moment(one.append_time_ms), str(one.id), one.reason, one.service or NOTHING, *state)
        table.add_row(*map(escape, told), count(one.attempt), escape(why), style="dim" if one.outcome else "")
    return table


def summary_table(letters: Iterable[Found]) -> Table:
    """Return how many letters there are by reason and topic."""
    table = _table()
    table.add_column("letters", justify="right")
    for heading in ("reason", "topic", "service"):
        table.add_column(heading, no_wrap=True)
    for (reason, topic), services in _summary(letters):
        most, times = services.most_common(1)[0]
        more = f" and {len(services) - 1} more" if len(services) > 1 else ""
        named = f"{most or NOTHING}{f' ({count(times)}){more}' if more else ''}"
        table.add_row(count(services.total()), reason, escape(topic), escape(named))
    return table


def letter_facts(one: Found) -> dict[str, object]:
    """Return a letter of the list as JSON has it."""
    return {
        "id": str(one.id),
        "append_time_ms": one.append_time_ms,
        "reason": one.reason,
        "service": one.service,
        "state": one.state,
        "attempt": one.attempt,
        "value_bytes": one.value_bytes,
        "detail": one.detail,
    }


def summary_facts(letters: Iterable[Found]) -> list[dict[str, object]]:
    """Return how many letters there are by reason and topic, as JSON has it."""
    return [
        {"reason": reason, "topic": topic, "letters": services.total()}
        for (reason, topic), services in _summary(letters)
    ]


def whole_facts(letter: DeadLetter, state: str) -> dict[str, object]:
    """Return everything about one letter as JSON has it; `text` is None for bytes that are none."""
    value = value_of(letter)
    return {
        "id": str(id_of(letter)),
        "state": state,
        "service": service_of(value or b""),
        "text": _text(value),
        "hint": hint_for(letter.reason),
        "letter": letter,
    }


def whole_text(letter: DeadLetter, state: str) -> str:
    """Return everything about one letter as lines."""
    value = value_of(letter)
    place = f"{letter.topic}, partition {letter.partition}, offset {letter.offset}" + (
        "" if letter.index is None else f", element {letter.index} of its array"
    )
    lines = [
        f"{id_of(letter)}: {state}, tried {count(letter.attempt)} time{'s' if letter.attempt > 1 else ''}",
        f"  reason   {letter.reason}",
        f"  why      {letter.detail}",
        f"  taken in {moment(letter.append_time_ms)} UTC",
        f"  lies in  {place}" + (f" (epoch {letter.epoch})" if letter.epoch > 1 else ""),
        f"  key      {_shown(key_of(letter))}",
        *(f"  header   {name}: {_shown(text)}" for name, text in headers_of(letter)),
        f"  to do    {hint_for(letter.reason)}",
        f"  bytes    {size(letter.value_bytes)}" + (", cut; the whole is where it lies" if letter.truncated else ""),
        "",
        "(none)" if value is None else _pretty(value),
    ]
    return "\n".join(lines)


def _summary(letters: Iterable[Found]) -> list[tuple[tuple[str, str], Counter[str | None]]]:
    groups: dict[tuple[str, str], Counter[str | None]] = {}
    for one in letters:
        groups.setdefault((one.reason, one.id.topic), Counter())[one.service] += 1
    return sorted(groups.items(), key=lambda group: (-group[1].total(), group[0]))


def _pretty(value: bytes) -> str:
    """Return bytes for people: JSON with indents, other text as it is, and what is no text in hexadecimal digits."""
    try:
        return msgspec.json.format(value, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    text = _text(value)
    return _dump(value) if text is None or not (text.isprintable() or "\n" in text) else text


def _dump(value: bytes) -> str:
    lines = [
        f"{at:08x}  {part.hex(' '):<{_DUMP_WIDTH * 3}} {''.join(chr(b) if 32 <= b < 127 else '.' for b in part)}"  # noqa: PLR2004 - printable ASCII
        for at in range(0, min(len(value), _DUMP_BYTES), _DUMP_WIDTH)
        for part in (value[at : at + _DUMP_WIDTH],)
    ]
    more = len(value) - _DUMP_BYTES
    return "\n".join([*lines, *([f"… and {count(more)} bytes more: --bytes writes all of them"] if more > 0 else [])])


def _shown(text: bytes | None) -> str:
    if text is None:
        return NOTHING
    decoded = _text(text)
    return decoded if decoded is not None and decoded.isprintable() else text.hex(" ")


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold dim")
