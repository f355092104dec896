"""Executor `external` on the real Kafka: the docs' program takes a request, and its answer becomes the result."""

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

pytestmark = pytest.mark.broker

PAGE = (Path(__file__).parents[3] / "docs" / "beside.md").read_text()
ANSWER = re.search(r'```python title="answer.py"\n(.*?)```', PAGE, re.DOTALL).group(1)
MAIN = """
import sys
from tests.integration.trainer_worker.test_commands import my_training
serve(sys.argv[1], my_training, sys.argv[2], sys.argv[3])
"""


def test_the_program_of_the_docs_takes_a_request_and_its_answer_becomes_the_result(
    kafka, archive_uri, make_run, start_service, until, tmp_path
):
    apply_topics(kafka, partitions=1)
    made = make_run()
    changes = {"features": {"x": Feature()}, "training": TrainingRule(executor="external")}
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=made.request.occurred_at, spec_version=1,
        spec=made.spec.model_copy(update=changes),
    )  # fmt: skip
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
    )
    theirs = [kafka.bootstrap_servers, str(tmp_path / "theirs"), kafka.topic_prefix]
    program = subprocess.Popen([sys.executable, "-c", ANSWER + MAIN, *theirs], cwd=Path(__file__).parents[3])
    try:
        with Tail(kafka, [TRAINING_RESULTS]) as tail:
            (record,) = until(lambda: tail.read(0.5))
    finally:
        program.kill()
        program.wait()
    result = TrainingResult.from_json(record.value)
    assert (result.status, result.version) == ("succeeded", "1.0.1"), result.failure
    assert result.metrics["accuracy.y"] > 0.7
