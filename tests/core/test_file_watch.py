"""A rules file that was changed is noticed once it has stood still."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.evaluator.file_watch import LOOK_MS, FileWatch


def looks(watch: FileWatch, start: int, count: int) -> list[bool]:
    return [watch.has_changed((start + number) * LOOK_MS) for number in range(count)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text("rules: []")
    os.utime(path, ns=(1, 1))
    return path


def test_a_change_is_told_once_when_the_file_has_stood_still(file: Path) -> None:
    watch = FileWatch(file)
    assert looks(watch, 0, 3) == [False, False, False]
    file.write_text("rules: [a]")
    assert looks(watch, 3, 4) == [False, True, False, False]


def test_a_file_that_is_still_being_written_is_waited_for(file: Path) -> None:
    watch = FileWatch(file)
    for number in range(5):
        file.write_text("rules: []" + "\n" * number)
        os.utime(file, ns=(1, 2 + number))
        assert looks(watch, number, 1) == [False]
    assert looks(watch, 5, 1) == [True]


def test_a_file_that_is_gone_or_replaced_has_changed(file: Path, tmp_path: Path) -> None:
    watch = FileWatch(file)
    file.rename(tmp_path / "old.yaml")
    assert looks(watch, 0, 3) == [False, True, False]
    other = tmp_path / "other.yaml"
    other.write_text("rules: []")
    os.utime(other, ns=(1, 1))
    other.rename(file)
    assert looks(watch, 3, 3) == [False, True, False]


def test_what_changed_and_changed_back_is_no_change(file: Path) -> None:
    watch = FileWatch(file)
    file.write_text("rules: [a]")
    assert looks(watch, 0, 1) == [False]
    file.write_text("rules: []")
    os.utime(file, ns=(1, 1))
    assert looks(watch, 1, 3) == [False, False, False]


def test_it_looks_once_a_second(file: Path) -> None:
    watch = FileWatch(file)
    watch.has_changed(0)
    file.write_text("rules: [a]")
    assert [watch.has_changed(at) for at in (1, 500, LOOK_MS - 1)] == [False, False, False]
    assert [watch.has_changed(at) for at in (LOOK_MS, LOOK_MS + 1, 2 * LOOK_MS)] == [False, False, True]
