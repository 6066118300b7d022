"""Which database is the history's."""

import pytest

from pipeline.errors import FatalError
from pipeline.lander.preparing import with_own_database
from pipeline.settings import Settings


def test_a_database_in_the_address_is_the_one_to_make() -> None:
    own = with_own_database(Settings(clickhouse="https://me:p%40ss@[::1]:9000/watch"))
    assert (own.clickhouse, own.database) == ("https://me:p%40ss@[::1]:9000", "watch")


def test_without_one_the_setting_holds() -> None:
    settings = Settings(clickhouse="http://localhost:8123", database="mine")
    assert with_own_database(settings) == settings


@pytest.mark.parametrize("name", ["a-b", "1st", "a.b", "a%20b"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(FatalError, match="PIPELINE_CLICKHOUSE names database"):
        with_own_database(Settings(clickhouse=f"http://localhost:8123/{name}"))
