"""docs/alerting.md names every type of rule, every key and every reason, and no reason that isn't there."""

import pytest

from pipeline.core.alert_reasons import Notice, Reason
from pipeline.rules_types import KEYS
from tests.docs.documents import ROOT, spans

WORDS = set(spans(ROOT / "docs" / "alerting.md"))
OF_RULES = {*KEYS, *(key for keys in KEYS.values() for key in keys)}


@pytest.mark.parametrize("word", [*sorted(OF_RULES), *Notice, *Reason])
def test_every_word_is_explained(word: str) -> None:
    assert str(word) in WORDS


def test_no_reason_is_explained_that_does_not_exist() -> None:
    assert {word for word in WORDS if word.startswith(("NOTIFY_", "SUPPRESS_"))} == set(Notice)
