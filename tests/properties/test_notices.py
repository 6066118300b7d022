"""Whatever happens: who was told that an alert fires is told of its end, and nobody is told the same twice."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.notices.matching import Matcher
from pipeline.core.notices.plan import Plan, Route
from schemas.structs import Alert
from tests.core.notice_desk import Desk

PLAN = Plan(
    routes=(
        Route(name="pages", channels=("pager",), matchers=(Matcher("severity", ("critical",)),), goes_on=True),
        Route(name="rest", channels=("chat", "mail"), repeat_ms=600_000),
    )
)
ALERTS = ("a1", "a2", "a3")
SERVICES = dict(zip(ALERTS, ("checkout", "checkout", "cart"), strict=True))

severities = st.sampled_from(["info", "warning", "critical"])
steps = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(ALERTS), severities, st.booleans()),
    st.tuples(st.just("end"), st.sampled_from(ALERTS), st.booleans()),
    st.tuples(st.just("silence"), st.sampled_from(["checkout", "cart", "*"]), st.integers(1, 30)),
    st.tuples(st.just("ack"), st.sampled_from(ALERTS), st.integers(1, 30)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 5, 30, 120, 700])),
)


def play(script: list[tuple[object, ...]]) -> Desk:
    """Play a script, then end every alert and wait until all is quiet. Episodes have ids of their own."""
    desk, episodes, severity = Desk(PLAN), dict.fromkeys(ALERTS, 0), dict.fromkeys(ALERTS, "")
    for step in [*script, *(("end", name, False) for name in ALERTS), ("wait", 400)]:
        match step:
            case ("fire", str(name), str(found), bool(notify)):
                episodes[name] += not severity[name]
                severity[name] = found
                desk.tell(f"{name}.{episodes[name]}", severity=found, notify=notify, service=SERVICES[name])
            case ("end", str(name), bool(notify)) if severity[name]:
                desk.tell(f"{name}.{episodes[name]}", "resolved", notify=notify)
                severity[name] = ""
            case ("silence", str(service), int(minutes)):
                desk.silence(minutes, service=service)
            case ("ack", str(name), int(minutes)):
                desk.acknowledge(f"{name}.{episodes[name]}", minutes)
            case ("restart",):
                desk.restart()
            case ("wait", int(seconds)):
                desk.wait(seconds)
    return desk


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=30))
def test_who_was_told_that_an_alert_fires_is_told_once_that_it_is_over(script: list[tuple[object, ...]]) -> None:
    desk = play(script)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for delivery in desk.sent:
        for alert in delivery.notification.alerts:
            told[delivery.channel, alert.alert_id].append(alert.state)
    for (channel, alert_id), states in told.items():
        assert states[0] == "firing", f"{channel} was told of the end of {alert_id} first"
        assert states.count("resolved") == 1, f"{channel} was told {states} of {alert_id}"
        assert states[-1] == "resolved"
    assert desk.book.groups == {}


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=30))
def test_no_notice_is_given_twice(script: list[tuple[object, ...]]) -> None:
    desk = play(script)
    assert len({one.key for one in desk.sent}) == len(desk.sent)
    last: dict[tuple[str, str], tuple[Alert, ...]] = {}
    for delivery in desk.sent:
        told = delivery.notification
        if told.kind not in {"repeat", "acknowledged"}:
            assert last.get(delivery.thread) != told.alerts, "the same content again, and not as a repeat"
        last[delivery.thread] = told.alerts


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=30))
def test_every_message_of_a_group_has_the_id_of_one_incident_that_ends_with_resolved(
    script: list[tuple[object, ...]],
) -> None:
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for delivery in play(script).sent:
        kinds[delivery.thread].append(delivery.notification.kind)
    for found in kinds.values():
        assert found[0] == "firing"
        assert found.count("resolved") == 1
        assert found[-1] == "resolved"
