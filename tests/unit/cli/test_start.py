"""What the command line reads in before it answers: counted in modules, which are the same on every machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = frozenset(
    {
        "aiohttp", "asyncio", "confluent_kafka", "deltalake", "duckdb", "fastavro", "faust", "fsspec", "jinja2",
        "msgspec", "numpy", "opentelemetry", "prometheus_client", "pyarrow", "pydantic", "rich", "river", "scipy",
        "sklearn", "sqlalchemy", "structlog", "torch", "yaml",
    }
)  # fmt: skip


def read_in(code: str, **environment: str) -> set[str]:
    """The modules that a fresh interpreter holds after `code`."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("services", "shared"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLOOP_")}
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('MODULES', *sorted(sys.modules))"],
        env={**kept, "PYTHONPATH": paths, **environment}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return set(said.rpartition("MODULES ")[2].split())


def run(*words: str) -> str:
    return f"""
import sys
sys.argv = ["driftloop", *{words!r}]
from driftloop.tools.cli.main import main
try:
    main()
except SystemExit:
    pass
"""


# Typer reads in pydantic, where it is installed, for the parameters of a command that is run.
@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("status", "--help"), ("models", "--help")], ids="-".join
)
def test_help_reads_in_nothing_heavy(words: tuple[str, ...]):
    assert read_in(run(*words)) & HEAVY <= ({"pydantic"} if words[0] in ("status", "models") else set())


def test_help_says_whole_sentences_and_what_was_typed_wrong_is_said_without_rich_too():
    code = run("models", "aply")
    assert "rich" not in read_in(code)
    shown = subprocess.run(
        [sys.executable, "-c", run("--help")], env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    lines = shown.splitlines()
    assert not any(line.endswith("...") for line in lines[1:])
    assert max(map(len, lines)) <= 80


def test_a_command_reads_in_no_other_commands():
    found = {name for name in read_in(run("status", "--help")) if name.startswith("driftloop.tools.cli.")}
    assert found == {f"driftloop.tools.cli.{name}" for name in ("main", "status", "connection", "through_console")}


def test_asking_the_console_needs_no_client_of_kafka_and_no_database():
    found = read_in(run("status"), DRIFTLOOP_CONSOLE_URL="http://127.0.0.1:9")
    assert found & HEAVY <= {"pydantic"}


def test_telemetry_that_is_off_is_not_read_in():
    found = read_in("import driftloop.kafka.loop.service; from driftloop.telemetry.otlp import *; tracer_of('x')")
    assert not any(name.split(".")[0] == "opentelemetry" for name in found)


def test_the_notifier_reads_in_neither_faust_nor_the_web():
    found = read_in("import operations_console.__main__")
    assert not {name.split(".")[0] for name in found} & {"faust", "aiohttp", "jinja2", "mode"}
