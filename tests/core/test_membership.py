"""Names of static members: the same as long as a worker reads the same topics."""

from __future__ import annotations

from pipeline.membership import instance_id


def test_a_worker_that_comes_back_has_the_name_it_had_whatever_the_order_of_its_topics() -> None:
    assert instance_id("pod-3", ("panes", "signals")) == instance_id("pod-3", ("signals", "panes"))


def test_a_release_that_reads_other_topics_is_another_member() -> None:
    names = {instance_id("pod-3", topics) for topics in (("panes",), ("panes", "signals"), ("panes", "late"))}
    assert len(names) == 3


def test_workers_are_told_apart_and_one_without_an_id_is_no_static_member() -> None:
    assert instance_id("pod-3", ("panes",)) != instance_id("pod-4", ("panes",))
    assert instance_id("", ("panes",)) is None
