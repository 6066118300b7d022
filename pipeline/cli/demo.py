"""`pipeline demo`: everything on this machine with demo traffic, a live view, and a reckoning at the end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import pipeline.demo
from pipeline.cli.alert_lines import alert_line
from pipeline.cli.configuration import load
from pipeline.cli.console import complain, out, say, warn
from pipeline.cli.explain_query import read_alert
from pipeline.cli.explain_story import alert_story
from pipeline.cli.figures import count
from pipeline.cli.history import history
from pipeline.cli.reckoning_table import reckoning_table
from pipeline.cli.stats_table import stats_table
from pipeline.cli.welcome import addresses, commands, program, welcome
from pipeline.demo.chat import TOKEN_ENV, Chat
from pipeline.demo.show import Outcome, Show
from pipeline.demo.view import Header
from pipeline.errors import FatalError
from pipeline.settings import Settings
from pipeline.up.notices import Notices
from pipeline.up.runfile import only_one
from pipeline.up.servers import Servers, servers
from pipeline.up.signals import run_until_signalled
from pipeline.up.stack import stack

_RULES = Path(pipeline.demo.__file__).with_name("rules.yaml")


def demo(
    seconds: Annotated[
        float | None, typer.Option(envvar="DEMO_SECONDS", min=1, help="End after so long, with a reckoning.")
    ] = None,
    rate: Annotated[float, typer.Option(envvar="DEMO_RATE", min=1, max=20_000, help="Events a second, about.")] = 400.0,
    window: Annotated[
        str | None, typer.Option(help="Which sliding window the view shows; the shortest by default.")
    ] = None,
) -> None:
    """Run everything with demo traffic: 28 operations of four services, a slow spell, an error storm, a live view.

    A chat of its own shows what the notifier would post to Slack, and at the end one alert is explained. Ctrl-C ends
    it. With --seconds it ends by itself: the producers stop, and what was published is reckoned against what was
    counted and what lies in ClickHouse; exit code 1 if they differ.
    """
    settings = _with_rules(load())
    shown = window or settings.windows[0]
    if shown not in settings.windows:
        raise FatalError(f"There is no window {shown!r}. PIPELINE_WINDOWS has {', '.join(settings.windows)}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # while the servers start; later the event loop has it
    notices = Notices(say)
    with only_one(settings), servers(settings, notices.tell) as started:
        run = _Run(started, shown, rate, seconds, notices)
        code = run_until_signalled(run.run())
        run.report()
        say("Stopping the servers …")
    sys.exit(code or run.exit_code)


def _with_rules(settings: Settings) -> Settings:
    """The settings with the demo's own rules, where they name none."""
    return settings if settings.rules else settings.model_copy(update={"rules": _RULES})


def _print_chat(line: str) -> None:
    out.print(escape(line), style="cyan", soft_wrap=True)


class _Run:
    """One run of the demo and how it ended."""

    def __init__(self, started: Servers, window: str, rate: float, seconds: float | None, notices: Notices) -> None:
        self.chat = Chat(lambda line: None if out.is_terminal else _print_chat(line))
        self.show = Show(started.settings, window, rate, out, notices, self.chat)
        self.outcome: Outcome | None = None
        self._started = started
        self._seconds = seconds
        self._window = window
        self._notices = notices

    async def run(self) -> None:
        ends = "Ctrl-C ends it" if self._seconds is None else f"of {self._seconds:.0f} s"
        async with self.chat:
            self._started.settings = self._with_notifier(self._started.settings)
            async with stack(self._started, self._notices.tell):
                if not out.is_terminal:
                    welcome(self._started)
                header = Header(addresses(self._started), commands("checkout"), ends)
                try:
                    self.outcome = await self.show.run(header, self._seconds)
                finally:
                    self._notices.tell("Stopping the workers …")

    def _with_notifier(self, settings: Settings) -> Settings:
        """The settings with the demo's own chat to be told, where they name nobody."""
        if settings.notifications is not None:
            return settings
        os.environ.setdefault(TOKEN_ENV, "any")
        path = self.chat.write_notifications(settings.home / "demo" / "notifications.yaml")
        return settings.model_copy(update={"notifications": path})

    @property
    def exit_code(self) -> int:
        return 0 if self.outcome is None or (self.outcome.reckoning.holds and not self.outcome.unknown) else 1

    def report(self) -> None:
        """Write the last picture and, if it came to that, the reckoning."""
        if self.show.picture.stats:
            out.print(stats_table(self.show.picture.stats.values(), self._window, title=f"last {self._window}"))
            out.print()
        if out.is_terminal:  # elsewhere they were printed as they came
            for alert in self.show.picture.alerts:
                out.print(alert_line(alert), soft_wrap=True)
            out.print()
            for line in self.chat.lines:
                _print_chat(line)
            out.print()
        self._explain()
        if self.outcome is None:
            say(f"{count(self.show.producers.acknowledged)} events were published.")
            return
        out.print(reckoning_table(self.outcome.reckoning, "acknowledged by Kafka"))
        out.print(f"alerts: {self.outcome.fired} fired, {self.outcome.resolved} resolved\n")
        if self.outcome.unknown:
            warn(f"Kafka did not say what became of {count(self.outcome.unknown)} events: nothing can be reckoned.")
        if self.exit_code:
            complain("The sums differ. The dead letters and the logs may tell why: `pipeline doctor` says where.")

    def _explain(self) -> None:
        """Tell the story of one alert, as `pipeline explain` does: of the one that has gone through most."""
        alert_id = self.show.picture.most_eventful()
        if alert_id is None:
            return
        with history(self._started.settings) as client:
            told = read_alert(client, alert_id)
        if told:  # it lands a second or two after it was raised
            out.print(f"{program()} explain {alert_id}", style="bold", soft_wrap=True)
            for line in alert_story(told):
                out.print(f"  {escape(line)}", soft_wrap=True)
            out.print()
