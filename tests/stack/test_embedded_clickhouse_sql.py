"""SQL and bodies taken apart, without a server."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard

from pipeline.embedded.clickhouse_bodies import choose, packer, unpack
from pipeline.embedded.clickhouse_errors import ServerError, from_engine
from pipeline.embedded.clickhouse_statement import parse

LIMIT = 1_000_000
OUTSIDE_FILES = [
    "SELECT 1 INTO OUTFILE '/x'",
    "select 1 into outfile '/x'",
    "SELECT 1 INTO\n\t OUTFILE '/x'",
    "SELECT 1 INTO/**/OUTFILE '/x'",
    "SELECT 1 INTO -- a comment\nOUTFILE '/x'",
    "SELECT 1 INTO # a comment\nOUTFILE '/x'",
    "SELECT 1 INTO // a comment\nOUTFILE '/x'",
    "SELECT 1 INTO /* /* nested */ */ OUTFILE '/x'",
    "SELECT 1 INTO\u00a0OUTFILE '/x'",
    "SELECT 1 INTO\u3000OUTFILE '/x'",
    "SELECT 'it''s' INTO OUTFILE '/x'",
    "SELECT 'a\\'' INTO OUTFILE '/x' --'",
    "SELECT '\\\\' INTO OUTFILE '/x'",
    "SELECT \"a'\" INTO OUTFILE '/x' --'",
    "SELECT `'` INTO OUTFILE '/x' --'",
    "SELECT $$'$$ INTO OUTFILE '/x' --'",
    "SELECT $a$ $$ ' $a$ INTO OUTFILE '/x' --'",
    "SELECT 1 --'\nINTO OUTFILE '/x'",
    "SELECT 1 /*'*/ INTO OUTFILE '/x' --'",
    "(SELECT 1) INTO OUTFILE '/x'",
    "INSERT INTO t FROM INFILE '/x' FORMAT CSV",
    "insert into t from\ninfile '/x' compression 'gzip' format csv",
    "INSERT INTO t FROM/**/INFILE '/x'",
]
HARMLESS = [
    "SELECT 'INTO OUTFILE'",
    "SELECT 'a'' INTO OUTFILE '",
    "SELECT 1 -- INTO OUTFILE '/x'",
    "SELECT 1 /* /* */ INTO OUTFILE */",
    'SELECT `into outfile`, "from infile" FROM t',
    "SELECT $$ INTO OUTFILE $$",
    "SELECT outfile, infile FROM files",
    "SELECT 'multi; statement'; -- the end;",
    "SELECT 1;;",
]


@pytest.mark.parametrize("sql", OUTSIDE_FILES)
def test_files_outside_are_refused_however_the_words_are_spaced(sql: str) -> None:
    with pytest.raises(ServerError, match="is not allowed") as caught:
        parse(sql.encode())
    assert caught.value.status == 403


@pytest.mark.parametrize("sql", HARMLESS)
def test_the_same_words_in_strings_comments_and_names_are_let_through(sql: str) -> None:
    assert parse(sql.encode()).sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1;/* */KILL QUERY WHERE 1",
        "SELECT 'open",
        "SELECT `open",
        "SELECT $a$ open $$",
        "SELECT 1 /* open /* */",
        "SELECT \u2018typographic\u2019",
        "SELECT 1 \x00, 2",
        "",
        " -- nothing but a comment",
    ],
)
def test_what_is_not_one_whole_statement_is_a_syntax_error(sql: str) -> None:
    with pytest.raises(ServerError) as caught:
        parse(sql.encode())
    assert (caught.value.code, caught.value.status) == (62, 400)


def test_sql_that_is_not_utf_8_is_refused_with_the_byte_that_is_not() -> None:
    with pytest.raises(ServerError, match="byte 8 is 0xff"):
        parse(b"SELECT '\xff'")


@pytest.mark.parametrize(
    ("body", "sql", "name", "rows"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\x02;\xff", "INSERT INTO t ", "Native", b"\x01\x02;\xff"),
        (b"INSERT INTO t FORMAT Native\n\n\x02", "INSERT INTO t ", "Native", b"\n\x02"),
        (b"INSERT INTO t FORMAT Native\r\n \x02", "INSERT INTO t ", "Native", b" \x02"),
        (b"insert into t (a, b) format JSONEachRow {}", "insert into t (a, b) ", "JSONEachRow", b"{}"),
        (b"INSERT INTO t SETTINGS a = 1 FORMAT CSV\n'\"", "INSERT INTO t SETTINGS a = 1 ", "CSV", b"'\""),
        (b"INSERT INTO t (format) FORMAT CSV\n1", "INSERT INTO t (format) ", "CSV", b"1"),
        (b"INSERT INTO FUNCTION null('a Int8') FORMAT CSV\n1", "INSERT INTO FUNCTION null('a Int8') ", "CSV", b"1"),
        (
            b"/* FORMAT x */ INSERT INTO t -- FORMAT y\n FORMAT CSV\n",
            "/* FORMAT x */ INSERT INTO t -- FORMAT y\n ",
            "CSV",
            b"",
        ),
    ],
)
def test_the_rows_of_an_insert_begin_where_its_format_ends(body: bytes, sql: str, name: str, rows: bytes) -> None:
    statement = parse(body)
    assert (statement.sql, statement.rows_format, statement.rows) == (sql, name, rows)
    assert not statement.returns_rows


@pytest.mark.parametrize(
    ("sql", "returns_rows", "name"),
    [
        ("SELECT 1", True, None),
        ("SELECT 1 FORMAT JSON", True, "JSON"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", True, "JSON"),
        ("SELECT format FROM t", True, None),
        ("SELECT 1 AS format", True, None),
        ("SELECT format('{}', 1)", True, None),
        ("(SELECT 1 FORMAT CSV)", True, None),
        ("WITH 1 AS x SELECT x FORMAT csv", True, "csv"),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", False, None),
        ("INSERT INTO t SELECT 1", False, None),
        ("INSERT INTO t SELECT * FROM format(CSV, '1')", False, None),
        ("INSERT INTO t VALUES (1), ('FORMAT x')", False, None),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", False, None),
    ],
)
def test_what_a_statement_returns_is_read_off_its_words(sql: str, *, returns_rows: bool, name: str | None) -> None:
    statement = parse(sql.encode())
    assert (statement.returns_rows, statement.output_format, statement.rows) == (returns_rows, name, None)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("encoding", [name for name in PACKED if name != "deflate"])
def test_every_frame_of_a_body_is_unpacked_not_just_the_first(encoding: str) -> None:
    frames = [b"a" * 70_000, b"b" * 5, b"c" * 70_000]
    assert unpack(b"".join(PACKED[encoding](frame) for frame in frames), encoding, LIMIT) == b"".join(frames)


@pytest.mark.parametrize("encoding", PACKED)
def test_what_is_packed_for_an_answer_unpacks_to_the_same(encoding: str) -> None:
    pack = packer(encoding)
    packed = pack.compress(b"first ") + pack.compress(b"second") + pack.flush()
    assert unpack(packed, encoding, LIMIT) == b"first second"


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_that_unpacks_to_more_than_the_limit_is_refused(encoding: str) -> None:
    with pytest.raises(ServerError, match="larger than 1000000 bytes") as caught:
        unpack(PACKED[encoding](bytes(LIMIT + 1)), encoding, LIMIT)
    assert caught.value.status == 413
    assert len(unpack(PACKED[encoding](bytes(LIMIT)), encoding, LIMIT)) == LIMIT


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_cut_short_is_an_error_and_not_fewer_rows(encoding: str) -> None:
    whole = PACKED[encoding](bytes(range(256)) * 500)
    for cut in (whole[:-1], whole[: len(whole) // 2], whole + b"rest"):
        with pytest.raises(ServerError) as caught:
            unpack(cut, encoding, LIMIT)
        assert (caught.value.code, caught.value.status) == (271, 400)


def test_an_encoding_that_nobody_has_is_refused_by_name() -> None:
    with pytest.raises(ServerError, match="'snappy' is not one of gzip, deflate, zstd, lz4"):
        unpack(b"x", "snappy", LIMIT)


def test_the_cheapest_accepted_encoding_is_chosen() -> None:
    assert choose("gzip, deflate, zstd;q=0.5, lz4") == "lz4"
    assert choose("br, gzip") == "gzip"
    assert choose("identity") == ""


def test_what_chdb_raises_keeps_its_number_and_loses_what_is_said_twice() -> None:
    error = from_engine(
        RuntimeError(
            "Streaming query failed: Code: 164. DB::Exception: Code: 164. DB::Exception: No. (READONLY) (version 1.2). (READONLY)"
        )
    )
    assert error.message("9.9") == "Code: 164. DB::Exception: No. (READONLY) (version 9.9 (official build))\n"
    assert from_engine(ValueError("odd")).code == 1002
