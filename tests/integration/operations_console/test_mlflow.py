"""The mirror on a real MLflow server; off unless DRIFTLOOP_MLFLOW is set (see `real_mlflow`)."""

import json
import urllib.request
from collections.abc import Iterator

import pytest
from tests.integration.operations_console.real_mlflow import ASKED, real_mlflow
from tests.unit.operations_console.test_mirror import LOG, RUN, Process

from driftloop.rest import Server
from operations_console.adapters.mlflow.client import MlflowClient

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ASKED, reason="DRIFTLOOP_MLFLOW=1 installs a server and runs")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over an empty database."""
    with real_mlflow(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


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
