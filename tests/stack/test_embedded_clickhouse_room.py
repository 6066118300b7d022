"""An insert on a disk that is full, or that becomes so in the middle of it, is refused and never acknowledged."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.clickhouse_client import connect
from pipeline.embedded.clickhouse import EmbeddedClickHouse
from pipeline.embedded.clickhouse_errors import ServerError
from pipeline.embedded.clickhouse_room import room_for_an_insert
from pipeline.settings import Settings

pytestmark = [pytest.mark.stack]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "clickhouse"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("making a small disk needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_insert_during_which_the_disk_became_full_is_not_acknowledged(small_disk: Path) -> None:
    folder = small_disk / "clickhouse"
    with (
        pytest.raises(ServerError, match=r"KiB are free on the disk of .*clickhouse, 2048 KiB are kept free"),
        room_for_an_insert(folder),
    ):
        (folder / "filler").write_bytes(bytes(63 * 1024 * 1024))


def test_where_little_room_is_left_nothing_is_inserted_until_there_is_more(small_disk: Path) -> None:
    with EmbeddedClickHouse(Settings(home=small_disk, clickhouse_port=0)) as server:
        settings = Settings(home=small_disk, clickhouse=server.address)
        with closing(connect(settings)) as client:
            client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
            filler = small_disk / "clickhouse" / "filler"
            filler.write_bytes(bytes(61 * 1024 * 1024))
            with pytest.raises(ClickHouseError, match=r"Code: 243.*Nothing is inserted until there is room"):
                client.insert("t", [[1]], ["n"])
            assert client.query("SELECT count() FROM t").result_rows == [(0,)]
            filler.unlink()
            client.insert("t", [[1]], ["n"])
            assert client.query("SELECT count() FROM t").result_rows == [(1,)]
