"""The mirror on a real MLflow server (3.17.2), in an environment of its own: it wants another pyarrow than we do.

Off unless DRIFTLOOP_MLFLOW is set: `1` has the server installed once (0.9 GB, minutes) under the user's cache, a path
names the Python of an environment that has it, and an address a server that runs and is empty.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.operations_console.test_mirror import LOG, RUN, Process

from driftloop.kafka.embedded.runtime_jars import cache_folder
from driftloop.rest import Server
from operations_console.adapters.mlflow.client import MlflowClient

ASKED = os.environ.get("DRIFTLOOP_MLFLOW", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ASKED, reason="DRIFTLOOP_MLFLOW=1 installs a server and runs")]
VERSION = "3.17.2"


def environment() -> Path:
    """The Python of an environment with the server."""
    if ASKED != "1":
        return Path(ASKED)
    folder = cache_folder() / f"mlflow-{VERSION}"
    python = folder / "bin" / "python"
    if not (folder / "bin" / "mlflow").is_file():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [python, "-m", "pip", "install", "--quiet", f"mlflow=={VERSION}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"MLflow {VERSION} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over an empty database."""
    if ASKED.startswith("http"):
        yield ASKED
        return
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        environment(), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 240
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            assert server.poll() is None, "MLflow did not start"
            assert time.monotonic() < deadline, "MLflow did not start in time"
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def client(address: str) -> MlflowClient:
    return MlflowClient(Server(address, timeout_s=30))


def test_the_log_is_mirrored_over_kills_and_hand_made_changes(address: str, client: MlflowClient):
    process = Process(address)
    while process.at < len(LOG):
        process.read(LOG, 2, commits=False)  # killed before the commit, each time
        process.restart()
        process.read(LOG, 2)
    versions = {one.tags["driftloop.version"]: one for one in client.versions("plant")}
    assert sorted(versions) == ["1.0.0", "1.0.1"]
    registered = client.model("plant")
    assert registered is not None
    assert registered.aliases == {"champion": versions["1.0.0"].number}
    run = client.run(client.experiment("driftloop"), "driftloop.run_id", str(RUN))
    assert run is not None
    assert run["info"]["status"] == "FINISHED"
    assert {one["key"]: one["value"] for one in run["data"]["metrics"]}["loss"] == 0.25
    assert {one["key"]: one["value"] for one in run["data"]["params"]}["learner"] == "linear"
    told = client.run(client.experiment("driftloop"), "driftloop.deployments_of", "plant")
    path = str(told["info"]["artifact_uri"]).removeprefix("mlflow-artifacts:/")  # type: ignore[index]
    found = urllib.request.urlopen(f"{address}/api/2.0/mlflow-artifacts/artifacts/{path}/deployments.jsonl", timeout=30)
    assert [json.loads(line)["event"] for line in found.read().splitlines()] == ["promoted", "promoted", "rolled_back"]

    client.set_alias("plant", "champion", versions["1.0.1"].number)
    process.look()
    assert process.core.moved == {("plant", "champion"): "1.0.1"}
    client.delete_alias("plant", "champion")
    process.look()
    process.look()
    assert client.model("plant").aliases == {"champion": versions["1.0.0"].number}  # type: ignore[union-attr]
    assert not process.core.moved


def test_a_deleted_model_is_filled_again(address: str, client: MlflowClient):
    process = Process(address)
    process.read(LOG, 7)
    answer = client.server.ask("DELETE", "/api/2.0/mlflow/registered-models/delete", {"name": "plant"})
    assert answer.ok
    process.look()
    versions = {one.tags["driftloop.version"]: one.number for one in client.versions("plant")}
    assert client.model("plant").aliases == {"champion": versions["1.0.1"]}  # type: ignore[union-attr]
