"""The rules as they hold: of the file, the environment, and what was changed at run time where a pipeline runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from pipeline.cli.configuration import resolve
from pipeline.core.rule_orders import RuleOrders
from pipeline.errors import FatalError
from pipeline.kept_windows import kept_windows
from pipeline.progress import unreachable
from pipeline.rule_control import read_rule_orders
from pipeline.rules_changes import BelowControl
from pipeline.rules_file import load_written
from pipeline.rules_layers import CONTROL, Layered, LayeredRule
from pipeline.settings import Settings
from pipeline.topic_admin import why_away


def here(settings: Settings) -> tuple[Settings, RuleOrders | None]:
    """Return the settings of the pipeline that runs here, or is named, and what was changed about its rules.

    None where there is none. Raises FatalError where its Kafka does not answer.
    """
    try:
        named = resolve(settings, clickhouse=False)
    except FatalError:
        return settings, None
    return named, asyncio.run(_orders(named))


async def _orders(settings: Settings) -> RuleOrders:
    if await why_away(settings.kafka or "") is not None:
        raise unreachable(settings)
    return await read_rule_orders(settings)


def below_control(settings: Settings, environment: Mapping[str, str] = os.environ) -> BelowControl:
    """Return the rules of the file, with the environment over them."""
    windows = kept_windows(settings)
    return BelowControl(load_written(settings.rules, windows), environment, windows)


def held_rules(settings: Settings, orders: RuleOrders | None) -> Layered:
    """Return the rules that hold; without orders those of the file and the environment."""
    return below_control(settings).with_control({} if orders is None else orders.values)


def origins(rule: LayeredRule, orders: RuleOrders | None) -> dict[str, str]:
    """Return where each value of a rule comes from, by path; of `control` with who said so."""
    order = None if orders is None else orders.by_name.get(rule.rule.name)
    last: dict[str, str] = {}
    for change in order.changes if order is not None else ():
        last |= dict.fromkeys(change.after, change.by)
    return {
        path: f"{CONTROL} ({last[path]})" if place == CONTROL and path in last else place
        for path, place in rule.origins.items()
    }
