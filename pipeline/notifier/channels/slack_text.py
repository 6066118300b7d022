"""Text as Slack reads it: escaped, within its limits, never a mention or a link that the text only looks like."""

from __future__ import annotations

import re
from urllib.parse import quote

_PARTIAL_ENTITY = re.compile(r"&[a-z]*$")
_FENCE = "```"


def escaped(text: str, characters: int) -> str:
    """Return a text with &, < and > escaped, of at most so many characters; one that is cut ends with an ellipsis.

    Three backticks become three quotes: they would begin or end a code block, and turn what follows into markup.
    """
    safe = text.replace(_FENCE, "'''").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(safe) <= characters:
        return safe
    # Every & that is left begins an entity: one without its end was cut in two.
    return _PARTIAL_ENTITY.sub("", safe[: characters - 1]) + "…"


def code(text: str, characters: int) -> str:
    """Return a text as a code block of at most so many characters, fences included."""
    return f"{_FENCE}\n{escaped(text, characters - 2 * len(_FENCE) - 2)}\n{_FENCE}"


def bold(text: str, characters: int) -> str:
    """Return a text in bold on one line; asterisks inside would end it, so they are replaced."""
    return f"*{escaped(text.replace('*', '∗'), characters - 2)}*"  # noqa: RUF001 - an asterisk that Slack does not read


def link(url: str, label: str) -> str:
    """Return a link."""
    # What ends a link, or begins code, is encoded as in any address.
    safe = re.sub(r"[<>|` ]", lambda found: quote(found[0]), url).replace("&", "&amp;")
    return f"<{safe}|{escaped(label, 100)}>"
