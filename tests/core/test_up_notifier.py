"""`pipeline up` and the notifier: it runs where a file says whom to tell, and a file with mistakes stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.up.servers import servers
from pipeline.up.workers import names
from pipeline.yaml_file import YamlFileError


def test_a_notifier_runs_only_where_a_file_says_whom_to_tell(tmp_path: Path) -> None:
    assert names(Settings(home=tmp_path)) == ("aggregator", "evaluator", "lander")
    told = Settings(home=tmp_path, notifications=tmp_path / "n.yaml")
    assert names(told) == ("aggregator", "evaluator", "lander", "notifier")


def test_a_notifications_file_with_a_mistake_stops_the_start_before_anything_has_started(tmp_path: Path) -> None:
    path = tmp_path / "n.yaml"
    path.write_text("channels:\n  - {name: chat, type: slak}\n")
    said: list[str] = []
    with (
        pytest.raises(YamlFileError, match=r"n\.yaml:2: type 'slak' is unknown"),
        servers(Settings(home=tmp_path, notifications=path), said.append),
    ):
        pytest.fail("it started")
    assert said == []
