"""The `pipeline` command: puts the commands together and turns errors into sentences. One file a command beside it."""

from __future__ import annotations

import typer
from aiokafka.errors import KafkaError

from pipeline.cli.ack import ack
from pipeline.cli.alerts import alerts
from pipeline.cli.console import fail, warnings_to_user
from pipeline.cli.dead import dead
from pipeline.cli.demo import demo
from pipeline.cli.doctor import doctor
from pipeline.cli.explain import explain
from pipeline.cli.ledger import ledger
from pipeline.cli.new_epoch import new_epoch
from pipeline.cli.notify import notify
from pipeline.cli.publish import publish
from pipeline.cli.reckon import reckon
from pipeline.cli.repair import repair
from pipeline.cli.rules import rules
from pipeline.cli.silence import silence
from pipeline.cli.sql import sql
from pipeline.cli.stats import stats
from pipeline.cli.topics import topics
from pipeline.cli.up import up
from pipeline.cli.verify import verify
from pipeline.cli.worker import aggregator, evaluator, lander, notifier
from pipeline.errors import FatalError, RetryableError

app = typer.Typer(
    name="pipeline",
    help="Operation and error events in by Kafka; sliding-window rates, percentiles, alerts and history out.",
    epilog="Settings are environment variables PIPELINE_…; `pipeline doctor` shows what they are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_PANELS = {
    "Run": (demo, up, aggregator, evaluator, lander, notifier),
    "Send": (publish,),
    "Tell": (ack,),
    "Look": (stats, alerts, explain, sql, topics),
    "Check": (doctor, reckon, ledger, verify, repair, new_epoch),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(dead, name="dead", rich_help_panel="Look")
app.add_typer(notify, name="notify", rich_help_panel="Tell")
app.add_typer(silence, name="silence", rich_help_panel="Tell")
app.add_typer(rules, name="rules", rich_help_panel="Check")


def main() -> None:
    """Run the command line. Exit code 1: it failed and said why; 2: wrong usage; 130: Ctrl-C."""
    warnings_to_user()
    try:
        app()
    except (FatalError, RetryableError) as error:
        fail(str(error))
    except KafkaError as error:  # one that no command knows more about
        fail(f"Kafka gives an error: {error or type(error).__name__}. `pipeline doctor` looks further.")


if __name__ == "__main__":
    main()
