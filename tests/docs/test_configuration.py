"""The table of settings is written from the settings."""

import runpy

from pipeline.settings import Settings
from tests.docs.documents import ROOT


def test_the_table_is_current() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(ROOT / "docs" / "generate.py"))["page"](), "run `make docs`"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
