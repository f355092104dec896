"""Executor `external` on the real Kafka: the docs' program takes a request, and its answer becomes the result."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS, TRAINING_REQUESTS, TRAINING_RESULTS
from driftloop.contracts.training_results import TrainingResult
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.spec.model_spec import Feature, TrainingRule
from driftloop.tools.local.programs import free_ports

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "beside.md").read_text()
PROGRAMS = {
    name: re.search(rf'```python title="{name}"\n(.*?)```', PAGE, re.DOTALL).group(1)
    for name in ("answer.py", "hook.py")
}
MAIN = """
import sys
from answer import serve
from hook import listen
from tests.integration.trainer_worker.test_commands import my_training
servers, folders, prefix, port = sys.argv[1:]
if port == "0":
    serve(servers, my_training, folders, prefix)
listen(servers, my_training, folders, int(port), prefix)
"""


@pytest.mark.parametrize("way", ["topic", "webhook"])
def test_the_program_of_the_docs_takes_a_request_and_its_answer_becomes_the_result(
    kafka, archive_uri, make_run, start_service, until, tmp_path, way
):
    apply_topics(kafka, partitions=1)
    made = make_run()
    training = TrainingRule(executor="external", entry="mine" if way == "webhook" else None)
    changes = {"features": {"x": Feature()}, "training": training}
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=made.request.occurred_at, spec_version=1,
        spec=made.spec.model_copy(update=changes),
    )  # fmt: skip
    (port,) = free_ports(1)
    sender = Sender(kafka)
    sender.send(MODEL_SPECS, "plant", published.to_json())
    sender.send(TRAINING_REQUESTS, "plant", made.request.to_json())
    sender.close()
    start_service(
        "trainer_worker",
        "train",
        DRIFTLOOP_TRAINER_WORKER_ARCHIVE_URI=archive_uri,
        DRIFTLOOP_TRAINER_WORKER_ARTIFACT_URI=str(tmp_path / "artifacts"),
        DRIFTLOOP_TRAINER_WORKER_RUNS_PATH=str(tmp_path / "runs"),
        DRIFTLOOP_TRAINER_WORKER_WEBHOOKS=json.dumps({"mine": {"url": f"http://127.0.0.1:{port}/"}}),
    )
    for name, program in PROGRAMS.items():
        (tmp_path / name).write_text(program)
    theirs = [
        kafka.bootstrap_servers,
        str(tmp_path / "theirs"),
        kafka.topic_prefix,
        str(port if way == "webhook" else 0),
    ]
    paths = os.pathsep.join([str(tmp_path), *(str(ROOT / part) for part in ("services", "shared", "."))])
    program = subprocess.Popen([sys.executable, "-c", MAIN, *theirs], cwd=ROOT, env={**os.environ, "PYTHONPATH": paths})
    try:
        with Tail(kafka, [TRAINING_RESULTS]) as tail:
            (record,) = until(lambda: tail.read(0.5))
    finally:
        program.kill()
        program.wait()
    result = TrainingResult.from_json(record.value)
    assert (result.status, result.version) == ("succeeded", "1.0.1"), result.failure
    assert result.metrics["accuracy.y"] > 0.7
