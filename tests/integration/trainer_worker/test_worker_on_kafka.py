"""The worker as a process on the real Kafka: killed in the middle of a run, it owes one version and gives one."""

import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from driftloop.artifacts.store import verify_artifact
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import (
    MODEL_COMMANDS,
    MODEL_PROFILES,
    MODEL_SPECS,
    TRAINING_REQUESTS,
    TRAINING_RESULTS,
)
from driftloop.contracts.training_requests import DataRule
from driftloop.contracts.training_results import TrainingResult
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail

pytestmark = pytest.mark.broker


@pytest.fixture
def worker(kafka, archive_uri, bad_learners, start_service, tmp_path):
    """Starts the worker."""
    apply_topics(kafka, partitions=1)
    return lambda warm=(): start_service(
        "trainer_worker",
        "train",
        DRIFTLOOP_TRAINER_WORKER_ARCHIVE_URI=archive_uri,
        DRIFTLOOP_TRAINER_WORKER_ARTIFACT_URI=str(tmp_path / "artifacts"),
        DRIFTLOOP_TRAINER_WORKER_WARM=json.dumps(list(warm)),
        DRIFTLOOP_TRAINER_WORKER_SANDBOX="off",  # learners of these tests are told to go on by files elsewhere
    )


@pytest.fixture
def publish(kafka):
    def send(run, *commands) -> None:
        request = run.request
        published = ModelSpecPublished(
            message_id=derive_id("spec", 1),
            model_id="plant",
            occurred_at=request.occurred_at,
            spec_version=1,
            spec=run.spec,
        )
        sender = Sender(kafka)
        sender.send(MODEL_SPECS, "plant", published.to_json())
        sender.send(TRAINING_REQUESTS, "plant", request.to_json())
        for command in commands:
            sender.send(MODEL_COMMANDS, "plant", command.to_json())
        sender.close()

    return send


@contextmanager
def results_of(kafka):
    """Gives a call that reads all results so far, and how many profiles there are."""
    with Tail(kafka, [TRAINING_RESULTS, MODEL_PROFILES]) as tail:
        found = []

        def read():
            found.extend(tail.read_to_end())
            results = [TrainingResult.from_json(r.value) for r in found if r.topic == TRAINING_RESULTS]
            return results, sum(record.topic == MODEL_PROFILES for record in found)

        yield read


def gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return True


def test_a_worker_that_is_killed_while_it_trains_gives_one_version_after_all(
    kafka, worker, publish, make_run, until, tmp_path, record_property
):
    """And the next worker is at it within 30 s of the kill."""
    run = make_run(learner="waiting", learner_parameters={"folder": str(tmp_path)})
    publish(run)
    first = worker()
    (mark,) = until(lambda: list(tmp_path.glob("pid-*")))
    first.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    first.wait()
    until(lambda: gone(int(mark.name.removeprefix("pid-"))))
    worker()
    until(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
    seconds = time.monotonic() - killed
    record_property("seconds_until_trained_again", round(seconds, 1))
    assert seconds < 30
    (tmp_path / "go").touch()
    with results_of(kafka) as read:
        until(lambda: read()[0])
        results, profiles = read()
    assert [(result.status, result.version) for result in results] == [("succeeded", "1.0.1")]
    assert profiles == 1
    assert verify_artifact(results[0].artifact, results[0].artifact_sha256).manifest.run_id == run.run_id


def test_a_run_is_cancelled_by_a_persons_command_and_its_process_goes(
    kafka, worker, publish, make_run, until, tmp_path
):
    run = make_run(learner="waiting", learner_parameters={"folder": str(tmp_path)})
    publish(run)
    process = worker()
    (mark,) = until(lambda: list(tmp_path.glob("pid-*")))
    command = ModelCommand(
        message_id=derive_id("command", 1),
        model_id="plant",
        occurred_at=run.request.occurred_at,
        command="cancel",
        reason="wrong spec",
        requested_by="ada",
    )
    sender = Sender(kafka)
    sender.send(MODEL_COMMANDS, "plant", command.to_json())
    sender.close()
    with results_of(kafka) as read:
        until(lambda: read()[0])
        (result,), _ = read()
    assert (result.status, result.failure) == ("cancelled", "cancelled by ada: wrong spec")
    until(lambda: gone(int(mark.name.removeprefix("pid-"))))
    process.terminate()
    assert process.wait(120) == 0


def test_an_incremental_update_in_a_warm_worker_is_quick_from_request_to_result(
    kafka, worker, publish, make_run, until, record_property
):
    """100 rows, `torch-mlp`, through Kafka: the goal is 0.2 s on an idle machine; the limit leaves room."""
    rule = DataRule(until=FramePosition(partition=0, offset=19), rows=100, minimum_rows=10)
    worker(warm=["torch-mlp"])
    seconds = []
    with results_of(kafka) as read:
        base, _ = _asked(publish, until, read, make_run(1, learner="torch-mlp"))
        for number in range(2, 8):
            run = make_run(
                number, learner="torch-mlp", mode="incremental", data=rule, base_version="1.0.1",
                base_artifact=base.artifact, base_sha256=base.artifact_sha256, champion="1.0.1",
                champion_artifact=base.artifact, champion_sha256=base.artifact_sha256,
            )  # fmt: skip
            result, took = _asked(publish, until, read, run)
            assert (result.status, result.version) == ("succeeded", f"1.0.{number}")
            seconds.append(took)
    record_property("seconds", seconds)
    assert min(seconds) < 2.0, seconds


def _asked(publish, until, read, run):
    """The result of a run, and the seconds from its request to it."""
    began = time.monotonic()
    publish(run)
    done = until(lambda: next((one for one in read()[0] if one.run_id == run.run_id), None))
    return done, time.monotonic() - began
