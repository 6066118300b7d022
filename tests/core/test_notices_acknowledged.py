"""Who was told that something fires is told once that somebody looks after it."""

from __future__ import annotations

from tests.core.notice_desk import Desk


def firing_desk() -> Desk:
    desk = Desk()
    desk.tell()
    desk.wait(1)
    return desk


def test_the_channels_hear_who_looks_after_it_and_until_when() -> None:
    desk = firing_desk()
    desk.acknowledge("a1", minutes=60)
    assert desk.wait(1) == ["acknowledged: a1 firing"]
    told = desk.sent[-1].notification
    assert told.group == desk.sent[0].notification.group
    assert told.text == "ann looks after it until 2025-11-22 07:00:01 UTC"
    assert told.key != desk.sent[0].notification.key


def test_it_is_told_once_though_the_notifier_starts_again() -> None:
    desk = firing_desk()
    desk.acknowledge("a1", minutes=60)
    desk.wait(1)
    desk.restart()
    assert desk.wait(1800) == []


def test_an_acknowledgement_of_what_nobody_was_told_of_is_not_told() -> None:
    desk = Desk()
    desk.acknowledge("a1", minutes=60)
    desk.tell(severity="warning")
    assert desk.wait(5) == []
    assert desk.wait(6) == ["firing: a1 firing", "acknowledged: a1 firing"]
    assert desk.wait(60) == []


def test_a_group_is_looked_after_when_all_that_fires_in_it_is() -> None:
    desk = firing_desk()
    desk.tell("a2", series="prod/checkout/refund")
    desk.wait(1)
    desk.acknowledge("a1", minutes=60)
    assert desk.wait(5) == []
    desk.acknowledge("a2", minutes=60)
    assert desk.wait(5) == ["acknowledged: a1 firing, a2 firing"]


def test_a_second_acknowledgement_is_told_too_and_an_end_is_not() -> None:
    desk = firing_desk()
    desk.acknowledge("a1", minutes=1)
    desk.wait(1)
    assert desk.wait(120) == []
    desk.acknowledge("a1", minutes=60)
    assert desk.wait(1) == ["acknowledged: a1 firing"]
    assert len({one.key for one in desk.sent}) == 3


def test_the_end_of_what_is_acknowledged_is_told() -> None:
    desk = firing_desk()
    desk.acknowledge("a1", minutes=60)
    desk.wait(1)
    desk.tell(state="resolved")
    assert desk.wait(60) == ["resolved: a1 resolved"]
