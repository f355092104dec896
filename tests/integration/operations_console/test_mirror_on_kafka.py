"""The mirror on the real broker, killed in the middle, with MLflow away now and then."""

from typing import Any

import pytest
from tests.unit.operations_console.conftest import event
from tests.unit.operations_console.mlflow_server import Mlflow, serving

from driftloop.contracts import topics
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender

pytestmark = pytest.mark.broker
MODELS, KILLS = 12, 2


def test_every_version_is_mirrored_once_over_kills_and_absences(kafka: Any, start_service: Any, wait_until: Any):
    apply_topics(kafka, partitions=1)
    mlflow, sender = Mlflow(), Sender(kafka)
    with serving(mlflow) as url:
        start: dict[str, str] = {"DRIFTLOOP_OPERATIONS_CONSOLE_MLFLOW_URL": url}
        process = start_service("operations_console", "mirror", **start)
        for round_ in range(KILLS + 1):
            for number in range(MODELS):
                model, version = f"m{number}", f"1.0.{round_}"
                for place, kind in enumerate(("registered", "challenged", "promoted")):
                    said = event(model, 10 * round_ + place, kind, version)
                    sender.send(topics.MODEL_EVENTS, model, said.to_json())
            sender.flush()
            if round_ < KILLS:
                before = len(mlflow.calls)
                wait_until(lambda least=before + 7: len(mlflow.calls) >= least, 120, "some calls")
                process.kill()
                process.wait()
                mlflow.away = True
                process = start_service("operations_console", "mirror", **start)
                wait_until(lambda least=mlflow.refused + 2: mlflow.refused >= least, 120, "two refusals")
                mlflow.away = False
        wait_until(lambda: _champions(mlflow) == {f"m{n}": f"1.0.{KILLS}" for n in range(MODELS)}, 120, "all aliases")
    sender.close()
    assert {len(model["versions"]) for model in mlflow.models.values()} == {KILLS + 1}, "each version is there once"


def _champions(mlflow: Mlflow) -> dict[str, str]:
    found = {}
    with mlflow.lock:
        for name, model in mlflow.models.items():
            if "champion" in model["aliases"]:
                version = model["versions"][model["aliases"]["champion"]]
                found[name] = version["tags"]["driftloop.version"]
    return found
