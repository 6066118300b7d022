"""Every query in the documents runs, as the user who may only read."""

from contextlib import closing

import pytest

from pipeline.clickhouse_client import connect
from tests.contracts.history_fixture import History
from tests.docs.documents import DOCUMENTS, blocks, pipeline_commands

pytestmark = pytest.mark.stack

QUERIES = [
    *(text for document in DOCUMENTS for text in blocks(document, "sql")),
    *(words[1] for document in DOCUMENTS for words in pipeline_commands(document) if words[0] == "sql" and words[1:]),
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_documented_query_runs(history: History, query: str) -> None:
    with closing(connect(history.settings, reader=True)) as client:
        client.database = history.settings.database
        client.query(query.strip().rstrip(";"))
