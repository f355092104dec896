"""The registry view on a real PostgreSQL server: the same rows as on SQLite."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_results import TrainingCost, TrainingResult
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.view import RegistryView

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def programs() -> Path | None:
    """The folder of the server's programs: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    candidates = [Path(found).parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "postgres").exists()), None)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of its own on a free port, gone afterwards. It will not run as root, so root lends it a user."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL server is installed here (Debian: apt-get install postgresql)")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = Path(tempfile.mkdtemp(prefix="driftloop-postgres-"))
    if as_user:
        shutil.chown(place, "postgres")
    data = str(place / "data")
    options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"

    def call(program: str, *rest: str) -> None:
        command = [*as_user, str(folder / program), *rest]
        subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL, timeout=120)

    call("initdb", "-D", data, "-U", "driftloop", "-A", "trust", "-E", "UTF8", "--no-sync")
    call("pg_ctl", "-D", data, "-w", "-l", str(place / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://driftloop@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(place)


def records() -> list[FakeRecord]:
    """Two versions, a run and a decision."""

    def envelope(kind: str, number: int) -> dict[str, object]:
        return {"message_id": derive_id(kind, number), "model_id": "m", "occurred_at": NOW}

    steps = [("registered", "1.0.0", None), ("promoted", "1.0.0", None)]
    steps += [("registered", "1.0.1", None), ("promoted", "1.0.1", "1.0.0")]
    messages = [
        (
            topics.MODEL_EVENTS,
            ModelEvent(
                **envelope("event", at), event=what, version=version, previous_version=before, reason="größer ✓",
                evidence={"loss": 0.125},
            ),
        )
        for at, (what, version, before) in enumerate(steps)
    ]  # fmt: skip
    decision = RetrainDecision(
        **envelope("decision", 0), action="retrain", trigger="drift", reason="r", policy="default"
    )
    result = TrainingResult(
        **envelope("result", 0), run_id=derive_id("run"), status="succeeded", version="1.0.1",
        cost=TrainingCost(seconds=2.5, cpu_seconds=2.0),
    )  # fmt: skip
    messages += [(topics.RETRAIN_DECISIONS, decision), (topics.TRAINING_RESULTS, result)]
    return [
        FakeRecord(topic, key="m", value=message.to_json(), at_offset=2**33 + at)
        for at, (topic, message) in enumerate(messages)
    ]


def test_a_view_on_postgres_says_the_same_as_one_on_sqlite(server):
    ours, other = RegistryView(server), RegistryView()
    for view in (ours, other):
        assert view.take_in(records()) == 6
        assert view.take_in(records()) == 0
    assert ours.versions("m") == other.versions("m")
    assert ours.events("m") == other.events("m")
    assert ours.decisions("m") == other.decisions("m")
    assert ours.statistics() == other.statistics()
    assert ours.cursors() == other.cursors()
    before = ours.versions("m")
    ours.clear()
    assert ours.versions("m") == []
    ours.take_in(records())
    assert ours.versions("m") == before
    for view in (ours, other):
        view.close()
