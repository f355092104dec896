"""OpenLineage events: in the form of the official client, the same when they are sent again, none lost."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent
from openlineage.client.facet_v2 import dataset_version_dataset, error_message_run, job_type_job, parent_run
from prometheus_client import CollectorRegistry

from driftloop.contracts import topics
from driftloop.contracts.message import FramePosition
from driftloop.contracts.training_results import TrainingData
from driftloop.errors import AwayError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.testing.records import FakeRecord
from operations_console.adapters.lineage import Lineage, OpenLineageSender
from operations_console.app import LINEAGE
from operations_console.core.lineage import INPUTS, Event, events_of

from .conftest import RUN, Story, event, story

NOW = datetime.fromisoformat("2026-03-02T08:00:00+00:00")
PLACE = FramePosition(partition=0, offset=3)
STANDARD = {
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "parent": parent_run.ParentRunFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
}


def whole_story() -> Story:
    data = TrainingData(first=PLACE, last=FramePosition(partition=0, offset=21), rows=500, sha256="a" * 64)
    found: Story = []
    for topic, message in story():
        more = {"data": data, "artifact": "file:///v"} if topic == topics.TRAINING_RESULTS else {}
        found.append((topic, message.model_copy(update=more)))
    promoted = event("plant", 31, "promoted", "1.0.1", run_id=RUN, previous_version="1.0.0")
    failed = next(message for topic, message in found if topic == topics.TRAINING_RESULTS).model_copy(
        update={"status": "failed", "failure": "no rows", "data": None}
    )
    return [*found, (topics.MODEL_EVENTS, promoted), (topics.TRAINING_RESULTS, failed)]


def told(messages: Story) -> list[Event]:
    return [
        one for topic, message in messages if topic in INPUTS for one in events_of(topic, message.to_json(), "prod")
    ]


def test_data_lead_to_a_run_to_a_version_to_the_champion():
    first, start, complete, promoted, _ = told(whole_story())
    assert first["outputs"][0]["name"] == "plant.champion"
    assert [one["eventType"] for one in (start, complete, promoted)] == ["START", "COMPLETE", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"] == str(RUN)
    (data,), (version,) = complete["inputs"], complete["outputs"]
    assert (data["name"], data["facets"]["version"]["datasetVersion"]) == ("plant.outcome-frames", "0:21")
    assert data["inputFacets"]["driftloop_data"]["first"] == "0:3"
    assert (version["name"], version["facets"]["version"]["datasetVersion"]) == ("plant.versions", "1.0.1")
    assert promoted["inputs"][0]["facets"]["version"] == version["facets"]["version"]
    assert promoted["outputs"][0]["name"] == "plant.champion"
    assert promoted["run"]["facets"]["parent"]["run"]["runId"] == str(RUN)


def test_what_failed_says_why_and_has_no_version():
    failed = told(whole_story())[-1]
    assert (failed["eventType"], failed["outputs"]) == ("FAIL", [])
    assert failed["run"]["facets"]["errorMessage"]["message"] == "no rows"


@pytest.mark.parametrize("number", range(5))
def test_an_event_is_in_the_form_of_the_official_client(number: int):
    one = told(whole_story())[number]
    run, job = Run(**one["run"]), Job(**one["job"])
    parts = {
        "inputs": [InputDataset(**each) for each in one["inputs"]],
        "outputs": [OutputDataset(**each) for each in one["outputs"]],
    }
    RunEvent(
        eventTime=one["eventTime"], producer=one["producer"], run=run, job=job, eventType=one["eventType"], **parts
    )
    facets = [one["run"]["facets"], one["job"]["facets"]]
    facets += [
        part[kind] for part in (*one["inputs"], *one["outputs"]) for kind in ("facets", "inputFacets") if kind in part
    ]
    for name, facet in [pair for each in facets for pair in each.items()]:
        assert facet["_producer"].startswith("https://")
        if name in STANDARD:
            fields = {key: value for key, value in facet.items() if not key.startswith("_")}
            assert facet["_schemaURL"] == STANDARD[name](**fields)._get_schema()
        else:
            assert name.startswith("driftloop")


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Answers with the statuses of `answers`, then with 201; keeps what it took."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = server.answers.pop(0) if server.answers else 201  # type: ignore[attr-defined]
            if status == 201:
                server.got.append(body)  # type: ignore[attr-defined]
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(receiver: Any) -> str:
    return f"http://127.0.0.1:{receiver.server_address[1]}/api/v1/lineage"


def sent(receiver: Any, messages: Story) -> int:
    """Let the role send what these messages say; how many records were buried."""
    core = Lineage("prod", OpenLineageSender(address(receiver), CollectorRegistry(), lambda _: None))
    records = [FakeRecord(topic, key="plant", value=one.to_json()) for topic, one in messages if topic in INPUTS]
    return len(core.process([*records, FakeRecord(topics.MODEL_EVENTS, value=b"{")], NOW).dead_letters)


def test_events_arrive_in_order_over_a_receiver_that_stumbles(receiver: Any):
    receiver.answers = [500, 503]
    assert sent(receiver, whole_story()) == 1
    assert receiver.got == told(whole_story())


def test_an_event_that_is_refused_keeps_none_back(receiver: Any):
    receiver.answers = [422]
    sent(receiver, whole_story())
    assert receiver.got == told(whole_story())[1:]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_receiver_that_stays_away_ends_the_process_and_no_record_is_blamed(receiver: Any, status: int):
    log, sender = MemoryLog(), OpenLineageSender(address(receiver), CollectorRegistry(), lambda _: None)
    for topic, message in whole_story():
        if topic in INPUTS:
            log.append(topic, key="plant", value=message.to_json())
    receiver.answers = [status] * 3
    loop = MemoryLoop(Lineage("prod", sender), LINEAGE, log)
    with pytest.raises(AwayError, match="goes on from here"):
        loop.settle()
    loop.kill()
    assert (receiver.got, log.records(topics.DEAD_LETTERS)) == ([], [])
    assert not any(log.offsets[LINEAGE.group].values())
    MemoryLoop(Lineage("prod", sender), LINEAGE, log).settle()
    by_id = lambda one: json.dumps(one, sort_keys=True)  # noqa: E731  (topics are not read in step)
    assert sorted(receiver.got, key=by_id) == sorted(told(whole_story()), key=by_id)
    assert log.records(topics.DEAD_LETTERS) == []
