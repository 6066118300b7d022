"""Convert an OpenStack nova log to events: one JSON object a line on stdout, ready for `pipeline publish`.

    python examples/nova_log.py nova-api.log | pipeline publish -

Every request that a `…wsgi.server` logger finished becomes an operation event, and every line at WARNING, ERROR or
CRITICAL becomes an error event. Lines that say neither are passed over, and lines that can't be read are reported on
stderr with their number. The same line always gives the same event, with the same `event_id`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

# nova-api.log.1 2017-05-16 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server [req-… user tenant - - -] message
# The name of the file in front is there only in logs that were collected from several.
LINE = re.compile(
    r"(?:\S+ )?(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (?P<pid>\d+) (?P<level>[A-Z]+) (?P<logger>\S+)"
    r" \[(?P<context>[^\]]*)\] ?(?P<message>.*)",
)
REQUEST = re.compile(
    r'(?P<client>\S+) "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" status: (?P<status>\d{3})'
    r" len: (?P<bytes>\d+) time: (?P<seconds>\d+(?:\.\d+)?)$",
)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TEMPLATES = (
    (re.compile(r"/(v\d[\d.]*)/[0-9a-f]{32}(?=/|$)"), r"/\1/{tenant}"),
    (re.compile(rf"/(?:{UUID.pattern}|[0-9a-f]{{32}}|\d+)(?=/|$)"), "/{id}"),
    (re.compile(r"/\d{4}-\d\d-\d\d(?=/|$)"), "/{date}"),
)
SEVERITIES = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "critical"}
SERVICES = {"osapi_compute": "nova-api", "metadata": "nova-api", "api": "nova-api", "virt": "nova-compute"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REPORTED_LINES = 20
OPERATION_LENGTH, MESSAGE_LENGTH = 300, 10_000
"""Greatest lengths that the contract takes; what is longer is cut."""

Event = dict[str, object]


def route(target: str) -> str:
    """Return a request's path with ids, tenants and dates as placeholders, so that few operations remain.

    >>> route("/v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/b9000564-fe1a-409b-b8cc-1e88b294cd1d?all=1")
    '/v2/{tenant}/servers/{id}'
    """
    path = target.partition("?")[0].rstrip("/") or "/"
    for pattern, placeholder in TEMPLATES:
        path = pattern.sub(placeholder, path)
    return path


def events_of(line: str, environment: str | None = None) -> list[Event]:
    """Return the events that one line of the log tells: none, an operation or an error.

    Raises ValueError, with what is wrong, for a line that isn't nova's or a request that can't be read.
    """
    found = LINE.fullmatch(line)
    if found is None:
        raise ValueError("does not begin like a line of nova's log")
    if found["logger"].endswith(".wsgi.server") and '" status: ' in found["message"]:
        return [{"type": "operation"} | _who_and_when(line, found, environment) | _operation(found["message"])]
    if found["level"] in SEVERITIES:
        return [{"type": "error"} | _who_and_when(line, found, environment) | _error(found)]
    return []


def _who_and_when(line: str, found: re.Match[str], environment: str | None) -> Event:
    logged = datetime.strptime(found["time"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    part = found["logger"].partition(".")[2].partition(".")[0]
    service = SERVICES.get(part, f"nova-{part}" if part else "nova")
    context: list[str] = found["context"].split()
    request, user, tenant = [*context, "-", "-", "-"][:3]
    event: Event = {
        "schema_version": 1,
        "event_id": f"nova-{hashlib.sha256(line.encode()).hexdigest()[:20]}",
        "timestamp_ms": (logged - EPOCH) // timedelta(milliseconds=1),
        "service": service,
        "instance": f"{service}-{found['pid']}",
        "metadata": {"logger": found["logger"]} | ({"tenant": tenant} if tenant != "-" else {}),
    }
    optional = {"request_id": request, "user_id": user, "environment": environment or "-"}
    return event | {name: value for name, value in optional.items() if value != "-"}


def _operation(message: str) -> Event:
    request = REQUEST.match(message)
    if request is None:
        raise ValueError("is a request whose method, path, status or time can't be read")
    status = int(request["status"])
    return {
        "operation": f"{request['method']} {route(request['target'])}"[:OPERATION_LENGTH],
        "duration_ms": float(Decimal(request["seconds"]) * 1000),
        "success": status < 400,  # noqa: PLR2004 - what HTTP says
        "status_code": status,
        "kind": "http",
    }


def _error(found: re.Match[str]) -> Event:
    return {
        "severity": SEVERITIES[found["level"]],
        "error_type": found["logger"],
        "message": found["message"][:MESSAGE_LENGTH],
    }


def convert(lines: Iterable[str], environment: str | None, counts: Counter[str]) -> Iterator[Event]:
    """Yield the events of a whole log; count what was found in `counts` and tell of unreadable lines on stderr."""
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        try:
            events = events_of(text, environment)
        except ValueError as error:
            counts["unreadable"] += 1
            if counts["unreadable"] <= REPORTED_LINES:
                print(f"line {number} {error}: {text[:80]!r}", file=sys.stderr)
            continue
        counts.update(str(event["type"]) for event in events) if events else counts.update(["other"])
        yield from events


def main() -> None:
    """Read the log named on the command line, write events to stdout and a count to stderr."""
    parser = argparse.ArgumentParser(description="Convert an OpenStack nova log to events, one JSON object a line.")
    parser.add_argument("log", help="the log file, or - for stdin")
    parser.add_argument("--environment", help="the environment that the events name, for example prod")
    arguments = parser.parse_args()
    source = sys.stdin.fileno() if arguments.log == "-" else arguments.log
    counts: Counter[str] = Counter()
    try:
        with open(source, encoding="utf-8", errors="replace", newline="\n") as lines:  # noqa: PTH123 - a number or a name
            for event in convert(lines, arguments.environment, counts):
                print(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left; Python flushes at exit
        return
    except OSError as error:
        parser.exit(2, f"{arguments.log}: {error.strerror}\n")
    print(
        f"{counts['operation']} operations, {counts['error']} errors, {counts['other']} other lines, "
        f"{counts['unreadable']} unreadable lines",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
