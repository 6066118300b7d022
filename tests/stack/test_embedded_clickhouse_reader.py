"""What the embedded ClickHouse's reader can do, and what it can't: touch files, the network, other queries."""

from __future__ import annotations

import socket
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, ProgrammingError
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipeline.clickhouse_client import connect
from pipeline.settings import Settings
from tests.stack.clickhouse_attacks import CONTROL, NETWORK, READING_FILES, WRITING

pytestmark = pytest.mark.stack
SECRET = "open sesame"


class Prey:
    """A file that must not be read, a folder that must stay empty, a port that nobody may call."""

    def __init__(self, folder: Path, address: str) -> None:
        self._address = address
        self.folder = folder / "empty"
        self.folder.mkdir()
        self.secret = folder / "secret.csv"
        self.secret.write_text(f"{SECRET}\n1\n")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0)

    def close(self) -> None:
        self._listener.close()

    def places(self) -> dict[str, str]:
        """What an attack's text names: {file}, {out}, {net}."""
        port = self._listener.getsockname()[1]
        return {"file": str(self.secret), "out": str(self.folder / "out"), "net": f"127.0.0.1:{port}"}

    def ask(self, sql: str, **url: str) -> tuple[int, str]:
        """Send SQL as the reader; return status and answer."""
        where = f"{self._address}/?{urllib.parse.urlencode({'user': 'reader', **url})}"
        try:
            with urllib.request.urlopen(urllib.request.Request(where, data=sql.encode()), timeout=30) as reply:
                return reply.status, reply.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")

    def assert_untouched(self) -> None:
        assert list(self.folder.iterdir()) == []
        with pytest.raises(BlockingIOError):
            self._listener.accept()


@pytest.fixture
def prey(tmp_path: Path, embedded_clickhouse: str) -> Iterator[Prey]:
    prey = Prey(tmp_path, embedded_clickhouse)
    yield prey
    prey.close()


@pytest.mark.parametrize("attack", [*READING_FILES, *WRITING, *NETWORK, *CONTROL])
def test_the_reader_is_refused_and_nothing_is_touched(prey: Prey, attack: str) -> None:
    sql = attack.format(**prey.places())
    for session in ("", uuid.uuid4().hex):
        status, answer = prey.ask(sql, param_f="file", param_t=str(prey.secret), session_id=session)
        assert status >= 400, answer
        assert SECRET not in answer
    prey.assert_untouched()


@pytest.mark.parametrize("name", ["readonly", "max_execution_time", "max_memory_usage", "max_result_rows", "final"])
def test_the_reader_s_limits_are_not_lifted_by_the_url(prey: Prey, name: str) -> None:
    for url in ({name: "0"}, {name: "0", "session_id": uuid.uuid4().hex}, {"settings": "x"}):
        status, answer = prey.ask("SELECT 1", **url)
        assert status >= 400, answer


@pytest.mark.parametrize("value", ["file", "`file`", '"FILE"', " file ", "`\\x66ile`"])
def test_a_parameter_does_not_bring_a_function_in(prey: Prey, value: str) -> None:
    sql = f"SELECT arrayMap({{f:Identifier}}, ['{prey.secret}'])"
    for session in ("", uuid.uuid4().hex):
        status, answer = prey.ask(sql, param_f=value, session_id=session)
        assert (status >= 400, SECRET in answer) == (True, False)


def test_a_session_does_not_outlive_its_reader_s_refusal(prey: Prey) -> None:
    mine = {"session_id": uuid.uuid4().hex}
    assert prey.ask("SELECT 1", **mine)[0] == 200
    assert prey.ask("SELECT 1", readonly="0", **mine)[0] >= 400
    assert prey.ask("SET readonly = 0", **mine)[0] >= 400
    assert prey.ask("CREATE TEMPORARY TABLE x (n Int8)", **mine)[0] >= 400
    assert prey.ask("SELECT getSetting('readonly')", **mine) == (200, "1\n")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'INTO OUTFILE', 'file(''x'')', \"dummy\" FROM system.one -- file('x')",
        "SELECT /* url('x') */ count() FROM numbers(10)",
        "SELECT sum(number) AS url, max(number) AS s3 FROM numbers(3)",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "FROM system.one SELECT dummy",
        "SELECT arrayMap(x -> x + 1, [1]), quantilesExactWeightedArray(0.5)([1], [2])",
        "SELECT * FROM view(SELECT 1)",
        "SELECT * FROM values('a Int8', 1)",
        "SELECT format('{}', 'x'), 'it''s', 'back\\\\slash'",
        "SHOW TABLES FROM system LIKE 'one'",
        "SHOW DATABASES",
        "DESCRIBE TABLE system.one",
        "DESC system.one",
        "EXISTS TABLE system.one",
        "EXPLAIN SELECT 1",
        "USE system",
        "SELECT 1 FORMAT JSON",
        "SELECT 1;",
    ],
)
def test_the_reader_may_read(prey: Prey, sql: str) -> None:
    status, answer = prey.ask(sql)
    assert status == 200, answer


def test_a_table_may_be_called_like_a_function_and_rows_may_hold_its_name(prey: Prey, embedded_clickhouse: str) -> None:
    name = f"u{uuid.uuid4().hex}"
    writer = connect(Settings(clickhouse=embedded_clickhouse))
    writer.command(f"CREATE TABLE {name} (url String) ENGINE = MergeTree ORDER BY url")
    writer.command(f"INSERT INTO {name} VALUES ('file')")
    sql = f"SELECT url, count() FROM {name} AS s3 WHERE url = {{x:String}} GROUP BY url"
    assert prey.ask(sql, param_x="file") == (200, "file\t1\n")
    writer.command(f"DROP TABLE {name}")
    writer.close()


def test_replaced_rows_never_count_for_the_reader(embedded_clickhouse: str) -> None:
    name = f"t{uuid.uuid4().hex}"
    settings = Settings(clickhouse=embedded_clickhouse)
    writer, reader = connect(settings), connect(settings, reader=True)
    writer.command(f"CREATE TABLE {name} (k UInt8, v UInt8) ENGINE = ReplacingMergeTree(v) ORDER BY k")
    writer.command(f"SYSTEM STOP MERGES {name}")
    for version in (1, 2, 3):
        writer.insert(name, [(1, version)], ["k", "v"])
    assert writer.command(f"SELECT sum(v) FROM {name}") == 6
    assert reader.command(f"SELECT sum(v) FROM {name}") == 3
    with pytest.raises(DatabaseError) as caught:
        reader.insert(name, [(1, 4)], ["k", "v"])
    assert caught.value.code == 164
    with pytest.raises(ProgrammingError, match="readonly"):
        reader.query("SELECT 1", settings={"readonly": 0})
    writer.command(f"DROP TABLE {name}")
    for client in (writer, reader):
        client.close()


def test_a_reader_s_question_ends_by_its_limits(prey: Prey) -> None:
    status, answer = prey.ask("SELECT number FROM numbers(2000000)", wait_end_of_query="1")
    assert (status >= 400, "Code: 396" in answer) == (True, True)
    assert prey.ask("SELECT getSetting('max_execution_time'), getSetting('max_memory_usage')") == (
        200,
        "60\t2000000000\n",
    )


PIECES = [
    "'",
    '"',
    "`",
    "\\",
    "--",
    "//",
    "# ",
    "/*",
    "*/",
    "$$",
    "$a$",
    "\n",
    " ",
    ",",
    "(",
    ")",
    "1",
    "''",
    "\u00a0",
    "\u2019",
    ";",
]
LURES = ["file('{file}')", "INTO OUTFILE '{out}'", "apply file from (select '{file}' as a)"]


@examples(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(LURES), st.lists(st.sampled_from(PIECES), max_size=8)
)
def test_no_mixture_of_quotes_and_comments_hides_an_attack(
    prey: Prey, before: list[str], lure: str, after: list[str]
) -> None:
    places = prey.places()
    status, answer = prey.ask(f"SELECT 1, {''.join(before)}{lure.format(**places)}{''.join(after)}")
    assert not (status == 200 and SECRET in answer)
    prey.assert_untouched()
