"""The converter of nova's log: on an excerpt that is always here, and on the whole log where it stands beside the repo."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from examples.nova_log import events_of, route
from schemas.generate import MODELS

ROOT = Path(__file__).parents[2]
EXCERPT = Path(__file__).parent / "files" / "nova_excerpt.log"
WHOLE = ROOT.parent / "shared" / "data" / "openstack_nova_2017.log"
LOGS = [EXCERPT, pytest.param(WHOLE, marks=pytest.mark.skipif(not WHOLE.exists(), reason="the whole log isn't here"))]

REQUEST = (
    "nova-api.log 2017-05-16 00:00:10.285 25743 INFO nova.osapi_compute.wsgi.server [req-1 u1 t1 - - -] 10.11.10.1 "
    '"POST /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers HTTP/1.1" status: 202 len: 733 time: 0.4968569'
)


def run(*arguments: str, stdin: bytes = b"") -> tuple[list[dict[str, object]], str]:
    """Run the converter as a user does; return its events and what it told on stderr."""
    command = [sys.executable, str(ROOT / "examples" / "nova_log.py"), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def by_method_and_status(events: list[dict[str, object]]) -> Counter[str]:
    operations = (event for event in events if event["type"] == "operation")
    return Counter(f"{str(event['operation']).split()[0]} {event['status_code']}" for event in operations)


@pytest.mark.skipif(not WHOLE.exists(), reason="the whole log isn't here")
def test_the_whole_log_gives_every_request_and_every_warning() -> None:
    events, told = run(str(WHOLE))
    expected = {"GET 200": 911, "GET 404": 20, "POST 200": 22, "POST 202": 21, "POST 404": 21, "DELETE 204": 22}
    assert by_method_and_status(events) == expected
    assert Counter(event["type"] for event in events) == {"operation": 1017, "error": 31}
    assert told.endswith("1017 operations, 31 errors, 952 other lines, 0 unreadable lines\n")
    assert len({event["operation"] for event in events if event["type"] == "operation"}) == 25


def test_the_excerpt_gives_one_event_for_each_request_and_warning() -> None:
    events, told = run(str(EXCERPT))
    expected = {"GET 200": 9, "GET 404": 1, "POST 200": 1, "POST 202": 1, "POST 404": 1, "DELETE 204": 1}
    assert by_method_and_status(events) == expected
    assert told == "14 operations, 2 errors, 8 other lines, 0 unreadable lines\n"


@pytest.mark.parametrize("log", LOGS)
def test_every_line_has_an_event_id_of_its_own_and_the_same_in_each_run(log: Path) -> None:
    first, again = run(str(log))[0], run(str(log))[0]
    assert first == again
    assert len({event["event_id"] for event in first}) == len(first)


@pytest.mark.parametrize("log", LOGS)
def test_every_event_keeps_to_the_contract(log: Path) -> None:
    for event in run(str(log), "--environment", "prod")[0]:
        MODELS[str(event["type"])].model_validate_json(json.dumps(event))


def test_paths_and_messages_that_are_too_long_for_the_contract_are_cut() -> None:
    long_path = events_of(REQUEST.replace("/servers", "/servers" + "/x" * 1_000))[0]
    long_message = events_of(f"2017-05-16 00:09:41.850 2931 ERROR nova.x [-] {'y' * 20_000}")[0]
    for event in (long_path, long_message):
        MODELS[str(event["type"])].model_validate_json(json.dumps(event))


def test_a_request_becomes_an_operation_with_all_that_the_line_knows() -> None:
    assert events_of(REQUEST, environment="prod") == [
        {
            "type": "operation",
            "schema_version": 1,
            "event_id": events_of(REQUEST)[0]["event_id"],
            "timestamp_ms": 1494892810285,
            "service": "nova-api",
            "instance": "nova-api-25743",
            "operation": "POST /v2/{tenant}/servers",
            "duration_ms": 496.8569,
            "success": True,
            "status_code": 202,
            "kind": "http",
            "request_id": "req-1",
            "user_id": "u1",
            "environment": "prod",
            "metadata": {"logger": "nova.osapi_compute.wsgi.server", "tenant": "t1"},
        }
    ]


@pytest.mark.parametrize(("status", "success"), [(200, True), (302, True), (399, True), (400, False), (503, False)])
def test_a_request_succeeded_if_its_status_is_below_400(status: int, *, success: bool) -> None:
    assert events_of(REQUEST.replace("status: 202", f"status: {status}"))[0]["success"] is success


def test_a_dash_in_the_log_means_that_nobody_knows() -> None:
    event = events_of(REQUEST.replace("[req-1 u1 t1 - - -]", "[-]"))[0]
    assert not {"request_id", "user_id", "environment"} & event.keys()
    assert event["metadata"] == {"logger": "nova.osapi_compute.wsgi.server"}


@pytest.mark.parametrize(("level", "severity"), [("WARNING", "warning"), ("ERROR", "error"), ("CRITICAL", "critical")])
def test_a_line_of_warning_or_worse_becomes_an_error_without_an_operation(level: str, severity: str) -> None:
    line = f"2017-05-16 00:09:41.850 2931 {level} nova.compute.manager [req-2 - - - - -] Found 1 instance, not 0."
    event = events_of(line)[0]
    assert (event["type"], event["severity"], event["error_type"]) == ("error", severity, "nova.compute.manager")
    assert (event["service"], event["message"]) == ("nova-compute", "Found 1 instance, not 0.")
    assert "operation" not in event


def test_the_name_of_the_file_in_front_of_a_line_may_be_missing() -> None:
    with_file, without = events_of(REQUEST)[0], events_of(REQUEST.removeprefix("nova-api.log "))[0]
    assert with_file | {"event_id": ""} == without | {"event_id": ""}


@pytest.mark.parametrize(
    ("target", "template"),
    [
        ("/v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail?all_tenants=True", "/v2/{tenant}/servers/detail"),
        ("/v2.1/54fadb412c4e40cdbaed9335e4c35a9e", "/v2.1/{tenant}"),
        ("/v2/54fadb412c4e40cdbaed9335e4c35a9e/flavors/2", "/v2/{tenant}/flavors/{id}"),
        ("/v2/x/images/0673dd71-34c5-4fbb-86c4-40623fbe45b4/members", "/v2/x/images/{id}/members"),
        ("/openstack/2013-10-17/meta_data.json", "/openstack/{date}/meta_data.json"),
        ("/latest/meta-data/", "/latest/meta-data"),
        ("/1/2/3", "/{id}/{id}/{id}"),
        ("/", "/"),
    ],
)
def test_ids_tenants_and_dates_in_a_path_become_placeholders(target: str, template: str) -> None:
    assert route(target) == template


def test_lines_that_cannot_be_read_are_told_with_their_number_and_the_rest_goes_on() -> None:
    broken = REQUEST.replace("time: 0.4968569", "time: soon")
    month_13 = REQUEST.replace("2017-05", "2017-13")
    lines = ["Traceback (most recent call last):", REQUEST, "", broken, month_13, REQUEST.replace("25743", "25744")]
    events, told = run("-", stdin="\r\n".join(lines).encode() + b"\r\n\xff\xfe\r\n")
    assert len(events) == 2
    report = told.splitlines()
    assert report[0].startswith("line 1 does not begin like a line of nova's log: 'Traceback")
    assert report[1].startswith("line 4 is a request whose method, path, status or time can't be read: ")
    assert [line.split()[1] for line in report[:-1]] == ["1", "4", "5", "7"]
    assert report[-1] == "2 operations, 0 errors, 0 other lines, 4 unreadable lines"


def test_a_thousand_broken_lines_are_counted_but_only_twenty_are_shown() -> None:
    _, told = run("-", stdin=b"junk\n" * 1000)
    assert len(told.splitlines()) == 21
    assert told.endswith("0 operations, 0 errors, 0 other lines, 1000 unreadable lines\n")


def test_a_log_that_is_not_there_is_one_line_and_no_traceback() -> None:
    command = [sys.executable, str(ROOT / "examples" / "nova_log.py"), "nowhere.log"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "nowhere.log: No such file or directory\n")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-u", str(ROOT / "examples" / "nova_log.py"), str(EXCERPT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as converter:
        assert converter.stdout is not None
        assert converter.stderr is not None
        converter.stdout.close()
        assert converter.stderr.read() == b""
    assert converter.returncode == 0
