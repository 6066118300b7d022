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


READING_FILES = [
    "SELECT file('{file}')",
    "SELECT FILE ('{file}')",
    "select file/* a comment */('{file}')",
    "select file -- a comment\n ('{file}')",
    "select file // a comment\n ('{file}')",
    "select file\n\n('{file}')",
    "select file\u00a0('{file}')",
    "select file\u2003('{file}')",
    "select `file`('{file}')",
    "select \"FiLe\"('{file}')",
    "select `\\x66ile`('{file}')",
    "select '{file}'.file()",
    "with file('{file}') as x select x",
    "with (x -> file(x)) as f select f('{file}')",
    "select arrayMap(x -> file(x), ['{file}'])",
    "select arrayMap(file, ['{file}'])",
    "select arrayMap({{f:Identifier}}, ['{file}'])",
    "select * apply file from (select '{file}' as a)",
    "select * apply(file) from (select '{file}' as a)",
    "select * apply `file` from (select '{file}' as a)",
    "select * apply(\"f\\x69le\") from (select '{file}' as a)",
    "select columns('a') apply file from (select '{file}' as a)",
    "select * replace (file('{file}') as dummy) from system.one",
    "select 'a\\'', file('{file}'), 'b'",
    "select $$'$$, file('{file}'), $$'$$",
    "select 1 /*'*/, file('{file}') --'",
    "explain select file('{file}')",
    "select * from view(select file('{file}'))",
    "select * from viewExplain('EXPLAIN', '', (select file('{file}')))",
    "select * from eval('select file(''{file}'')')",
    "select * from values('a String', (file('{file}')))",
    "select * from file('{file}')",
    "select * from file('{file}', 'LineAsString')",
    "select * from FILE\n('{file}', 'LineAsString', 'a String')",
    "select * from `file`('{file}', 'LineAsString', 'a String')",
    "select 1 in file('{file}', 'LineAsString', 'a String')",
    "select * from loop(file('{file}', 'LineAsString'))",
    "select * from fileCluster('default', '{file}', 'LineAsString', 'a String')",
    "select * from filesystem('/etc')",
    "select * from sqlite('{file}', 't')",
    "select * from executable('cat {file}', 'LineAsString', 'a String')",
    "select * from icebergLocal('{file}')",
    "select * from deltaLakeLocal('{file}')",
    "select * from paimonLocal('{file}')",
    "select * from python('Engine')",
    "select * from Engine",
    "select * from '{file}'",
    'select * from "{file}"',
    "select * from default.`{file}`",
    "select * from {{t:Identifier}}",
    "select * from merge('default', '{file}')",
    "describe '{file}'",
    "describe table file('{file}')",
    "desc\nfile\n('{file}')",
    "describe (select file('{file}'))",
    "with x as (select * from file('{file}')) select * from x",
    "select * from (select 1) union all select * from file('{file}')",
    "(select file('{file}'))",
    "from file('{file}') select *",
]
WRITING = [
    "SELECT 1 INTO OUTFILE '{out}'",
    "select 1\ninto\n/* */outfile '{out}' format CSV",
    "insert into function file('{out}', 'CSV', 'a Int8') values (1)",
    "insert into function\nfile('{out}', 'CSV', 'a Int8') select 1",
    "with x as (select 1 as a) insert into function file('{out}', 'CSV', 'a Int8') select * from x",
    "insert into t from infile '{file}' format CSV",
    "copy (select 1) to '{out}'",
    "backup table system.one to File('{out}')",
    "restore table system.one from File('{out}')",
    "create table x (a Int8) engine = File(CSV, '{out}')",
    "create temporary table x (a Int8) engine = File(CSV, '{out}')",
    "create table x (a Int8) engine = Memory",
    "create database x",
    "create view x as select 1",
    "create function x as (a) -> a",
    "create dictionary x (a Int8) primary key a source(file(path '{file}' format 'CSV')) layout(flat()) lifetime(1)",
    "create named collection x as a = 1",
    "create user x",
    "grant all on *.* to default",
    "attach table x from '{out}' (a Int8) engine = MergeTree order by a",
    "detach database default",
    "drop database default",
    "alter table x add column a Int8",
    "rename table a to b",
    "truncate all tables from default",
    "optimize table x",
    "delete from x where 1",
    "update x set a = 1 where 1",
]
NETWORK = [
    "select * from url('http://{net}/x', 'CSV', 'a String')",
    "describe url('http://{net}/x')",
    "select * from s3('http://{net}/bucket/key', 'CSV', 'a String')",
    "describe s3('http://{net}/bucket/key')",
    "describe/**/table s3('http://{net}/bucket/key')",
    "select * from s3Cluster('default', 'http://{net}/bucket/key', 'CSV', 'a String')",
    "select * from gcs('http://{net}/bucket/key', 'CSV', 'a String')",
    "select * from azureBlobStorage('http://{net}/', 'c', 'b', 'devstoreaccount1', 'AAAA')",
    "select * from hdfs('hdfs://{net}/x', 'CSV', 'a String')",
    "select * from iceberg('http://{net}/b/k')",
    "describe deltaLake('http://{net}/b/k')",
    "describe hudi('http://{net}/b/k')",
    "select * from remote('{net}', system.one)",
    "describe remote('{net}', system.one)",
    "select * from remoteSecure('{net}', system.one)",
    "select * from cluster('default', system.one)",
    "describe mysql('{net}', 'a', 'b', 'c', 'd')",
    "describe postgresql('{net}', 'a', 'b', 'c', 'd')",
    "describe redis('{net}', 'k', 'k String, v String')",
    "describe mongodb('{net}', 'a', 'b', 'c', 'd', 'x String')",
    "describe odbc('DSN=x', 'a', 'b')",
    "describe jdbc('jdbc:x', 'a', 'b')",
    "select * from ytsaurus('http://{net}', '//x', 'a String')",
    "select * from bigquery('{net}', 'a', 'b')",
    "select * from arrowflight('{net}', 'a')",
    "select * from prometheusQuery('a', 'b', 'c')",
    "select aiGenerate('x')",
]
CONTROL = [
    "KILL QUERY WHERE 1",
    "kill\nquery where 1 sync",
    "/* select */ kill query where 1",
    "select 1; kill query where 1",
    "kill mutation where 1",
    "SET readonly = 0",
    "set\nreadonly=0",
    "SET max_threads = 1",
    "SET ROLE NONE",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SYSTEM FLUSH LOGS",
    "system/**/shutdown",
    "system reload config",
    "execute as default select 1",
    "begin transaction",
    "exists table x; drop table x",
    "watch x",
    "move user x to y",
    "check table system.one",
    "select addressToLine(1)",
]


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
