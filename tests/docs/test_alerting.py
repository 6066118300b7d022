"""docs/alerting.md names every type of rule, every key and every reason."""

import pytest

from pipeline.core.alert_reasons import Notice
from pipeline.rules_fields import KEYS
from tests.docs.documents import ROOT

PAGE = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")
ROWS = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| `")}


@pytest.mark.parametrize("word", [*KEYS, *sorted({key for keys in KEYS.values() for key in keys}), *Notice])
def test_every_word_has_a_row(word: str) -> None:
    assert f"`{word}`" in ROWS


def test_no_row_explains_what_does_not_exist() -> None:
    known = {*KEYS, *(key for keys in KEYS.values() for key in keys), *Notice}
    assert {word.strip("`") for word in ROWS} - known == set()
