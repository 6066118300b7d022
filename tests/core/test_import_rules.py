"""Imports point one way: core ← decode ← shells ← cli; and the core stays pure."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOUNDATION = {
    "errors",
    "settings",
    "topics",
    "topic_admin",
    "topic_ids",
    "epochs",
    "membership",
    "kafka_answers",
    "clickhouse_client",
    "compacted",
    "kept_windows",
    "rule_control",
}
RULES_FILE = {
    "yaml_file",
    "yaml_mapping",
    "rules_file",
    "rules_fields",
    "rules_types",
    "rules_conditions",
    "rules_recovery",
    "rules_thresholds",
    "rules_values",
    "rules_words",
    "rules_overlay",
    "rules_environment",
    "rules_layers",
    "rules_changes",
}
SHELL = FOUNDATION | {"core", "decode", "schemas"}
PARTS = (
    SHELL
    | RULES_FILE
    | {
        "faust_ext",
        "aggregator",
        "evaluator",
        "lander",
        "dead",
        "history",
        "embedded",
        "notifier",
        "rehearsal",
        "backtest",
        "progress",
    }
)

# Who may import whom, beside itself. A package that isn't here fails the test: give it its place.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "settings": set(),
    "topics": {"settings"},
    "topic_admin": {"errors", "settings", "topics"},
    "topic_ids": set(),
    "membership": set(),
    "kafka_answers": set(),
    "epochs": {"errors", "settings", "topics", "topic_ids"},
    "clickhouse_client": {"errors", "settings"},
    "compacted": {"settings"},
    "kept_windows": {"settings", "core"},
    "progress": {"errors", "settings", "topics", "kafka_answers", "core", "evaluator"},
    "rule_control": {"errors", "settings", "topics", "topic_admin", "compacted", "core"},
    "schemas": set(),
    "core": {"errors", "schemas"},  # of the schemas only those that are pure
    "decode": {"errors", "core", "schemas"},
    **dict.fromkeys(RULES_FILE, RULES_FILE | {"errors", "settings", "core"}),
    "faust_ext": SHELL,
    "aggregator": SHELL | {"faust_ext"},
    "evaluator": SHELL | RULES_FILE | {"faust_ext"},
    "lander": SHELL,
    "dead": SHELL | {"lander"},
    "history": SHELL | {"lander"},
    "notifier": SHELL | RULES_FILE | {"progress"},
    "rehearsal": SHELL | RULES_FILE | {"aggregator"},
    "backtest": SHELL | {"history"},
    "embedded": FOUNDATION,
    "up": PARTS,
    "demo": PARTS | {"up", "cli"},  # the demo is the command line's show, and draws with its tables
    "cli": PARTS | {"up", "demo"},
}
PURE_SCHEMAS = {"schemas.structs", "schemas.bounds"}

CORE_LIBRARIES = {"cramjam", "msgspec", "numpy"}
IMPURE = {
    *("asyncio", "concurrent", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil"),
    *("signal", "socket", "subprocess", "tempfile", "threading", "time", "urllib"),
}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}


def package_of(file: Path) -> str:
    """Return `core` for pipeline/core/pane.py, `errors` for pipeline/errors.py, `schemas` for schemas/alert.py."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "pipeline" and len(parts) > 1 else parts[0]


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Yield every module that a file imports, wherever in the file, with the line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute here"
            assert node.module is not None
            if node.module in {"pipeline", "schemas"}:
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def ours(module: str) -> str | None:
    """Return which package of ours a module belongs to, None for a foreign one."""
    first, _, rest = module.partition(".")
    if first == "pipeline" and rest:
        return rest.partition(".")[0]
    return "schemas" if first == "schemas" else None


FILES = sorted(
    file
    for folder in ("pipeline", "schemas")
    for file in (ROOT / folder).rglob("*.py")
    if file != ROOT / "pipeline" / "__init__.py"
)
PURE_FILES = {ROOT / f"{module.replace('.', '/')}.py" for module in PURE_SCHEMAS}
CORE = [file for file in FILES if package_of(file) == "core" or file in PURE_FILES]


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_imports_point_one_way(file: Path) -> None:
    package = package_of(file)
    assert package in MAY_IMPORT, f"{named(file)}: say in MAY_IMPORT what {package} may import"
    allowed = MAY_IMPORT[package] | {package}
    wrong = [
        f"{named(file)}:{line} imports {name}" for name, line in imports(file) if (ours(name) or package) not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("file", CORE, ids=named)
def test_the_core_imports_nothing_that_touches_the_world(file: Path) -> None:
    allowed = (sys.stdlib_module_names - IMPURE) | CORE_LIBRARIES | {"pipeline"}
    wrong = [
        f"{named(file)}:{line} imports {name}"
        for name, line in imports(file)
        if name.partition(".")[0] not in allowed and name not in PURE_SCHEMAS
    ]
    assert wrong == []


@pytest.mark.parametrize("file", CORE, ids=named)
def test_the_core_reads_no_clock(file: Path) -> None:
    calls = (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    wrong = [
        f"{named(file)}:{call.lineno} calls {call.func.attr}()"
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS and not call.args
    ]
    assert wrong == []


def test_the_rules_would_notice_a_breach(tmp_path: Path) -> None:
    file = tmp_path / "breach.py"
    file.write_text(
        "def f():\n    from pipeline import lander\n    import asyncio\n    from pipeline.decode.fast import g\n"
    )
    found = [(ours(name), name) for name, _ in imports(file)]
    assert found == [("lander", "pipeline.lander"), (None, "asyncio"), ("decode", "pipeline.decode.fast")]
    assert {"lander", "decode"}.isdisjoint(MAY_IMPORT["core"])
    assert "asyncio" in IMPURE
