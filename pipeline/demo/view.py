"""The live view of the demo: where things are, what goes on, every operation, and the alerts, as one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from pipeline.cli.alert_lines import alert_line
from pipeline.cli.figures import count, sparkline
from pipeline.cli.stats_table import stats_table
from pipeline.demo.picture import Picture
from pipeline.demo.schedule import going_on
from pipeline.up.notices import Notices
from schemas.structs import StatsRecord

_ALERT_LINES = 6
_CHAT_LINES = 3
_HEADER_LINES = 9
_SPARKLINE_COLUMNS = 112
_ERROR_RATE = 0.02
_SLOW_MS = 1_000


@dataclass(slots=True)
class Counts:
    """The numbers in the header. `lag_records` is None until it is known."""

    acknowledged: int = 0
    counted: int = 0
    late: int = 0
    dead: int = 0
    lag_records: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What does not change: the addresses, and what to try next."""

    addresses: list[tuple[str, str]]
    commands: list[tuple[str, str]]
    ends: str  # how the demo ends: "Ctrl-C ends", "ends by itself after 90 s"


@dataclass(frozen=True, slots=True)
class Scene:
    """What one screen shows."""

    picture: Picture
    counts: Counts
    window: str
    elapsed_s: float
    notices: Notices
    chat: Sequence[str] = ()


def screen(scene: Scene, header: Header, console: Console) -> RenderableType:
    """Return the whole screen, fitted to the console's height."""
    picture, window = scene.picture, scene.window
    room = console.height - _HEADER_LINES - len(header.commands) - _ALERT_LINES - (_CHAT_LINES + 1)
    shown, hidden = fitting(list(picture.stats.values()), window, room)
    extra = None
    if console.width >= _SPARKLINE_COLUMNS:
        extra = {key: sparkline(values) for key, values in picture.history.items()}
    body: RenderableType = stats_table(shown, window, extra=extra, expand=True)
    if not shown:
        body = Text("\n  Waiting for the first events to come out of the pipeline …\n", "dim")
    more = f" · {hidden} calmer ones not shown: make the terminal taller" if hidden else ""
    return Group(
        Panel(_header(scene, header), title="event pipeline · demo", border_style="dim"),
        Rule(f"[bold]the last {window} of every operation[/]{more}", style="dim", align="left"),
        body,
        Rule(f"[bold]alerts[/] · {picture.fired} fired, {picture.resolved} resolved", style="dim", align="left"),
        _alerts(picture),
        Rule("[bold]chat[/] · what the notifier posts and edits", style="dim", align="left"),
        _chat(scene.chat),
    )


def fitting(records: list[StatsRecord], window: str, room: int) -> tuple[list[StatsRecord], int]:
    """Return the records that fit into `room` lines with a heading, and how many do not.

    Roll-ups stay. Of the operations those in trouble stay first, then the busiest.
    """
    rollups = [record for record in records if not record.operation]
    operations = sorted((record for record in records if record.operation), key=lambda one: _urgency(one, window))
    kept = operations[: max(room - 1 - len(rollups), 3)]
    return rollups + kept, len(operations) - len(kept)


def _urgency(record: StatsRecord, window: str) -> tuple[bool, float]:
    stats = record.windows.get(window)
    if stats is None:
        return True, 0.0
    trouble = (stats.error_rate or 0) > _ERROR_RATE or (stats.p95_ms or 0) > _SLOW_MS
    return not trouble, -stats.rate_per_second


def _header(scene: Scene, header: Header) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for name, address in header.addresses:
        text.append(f"{name} ", "dim").append(f"{address}   ", "bold")
    text.append(f"{int(scene.elapsed_s) // 60}:{int(scene.elapsed_s) % 60:02} {header.ends}\n", "dim")
    text.append_text(_numbers(scene.counts)).append("\n")
    for command, what in header.commands:
        text.append(f"try  {command}", "cyan").append(f"  # {what}\n", "dim")
    return text.append_text(_going_on(scene))


def _going_on(scene: Scene) -> Text:
    """The last thing that went wrong by itself, else what goes wrong on purpose."""
    if scene.notices.held_back:
        return Text(scene.notices.held_back[-1].splitlines()[0], "bold red")
    troubles = going_on(scene.elapsed_s)
    return Text("on purpose, now: " + "; ".join(troubles), "yellow") if troubles else Text("all calm", "dim")


def _numbers(counts: Counts) -> Text:
    lag = "…" if counts.lag_records is None else f"{count(counts.lag_records)} records"
    figures = {
        "published": count(counts.acknowledged),
        "counted": count(counts.counted),
        "late": count(counts.late),
        "dead": count(counts.dead),
        "lag": lag,
    }
    text = Text()
    for name, figure in figures.items():
        text.append(f"{name} ", "dim").append(f"{figure}   ")
    return text


def _alerts(picture: Picture) -> RenderableType:
    last = list(picture.alerts)[-_ALERT_LINES:][::-1]
    lines = [alert_line(alert) for alert in last] or [Text("none yet", "dim")]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)


def _chat(said: Sequence[str]) -> RenderableType:
    """The last messages, newest first."""
    lines = [Text(line) for line in list(said)[-_CHAT_LINES:][::-1]] or [Text("nothing yet", "dim")]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*lines)
