"""Values of series and ratings alone go through ingestion, detection and the archive on a real broker."""

import json
import threading
import time
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry
from tests.ingesting import at, spec_record
from tests.unit.outcome_ingestion.test_observations import LOAD

from drift_detection.app import LOOP as DETECTION
from drift_detection.core.processor import DriftDetection
from driftloop.archive.reading import newest_rows
from driftloop.archive.schema import values_of
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.topics import DRIFT_STATUS, MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.errors import UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.loop.loop import Loop
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.app import ARCHIVE, INGEST
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.metrics import ArchiveMetrics

pytestmark = pytest.mark.broker
RATED = {
    "model_id": "answers", "task": "binary", "features": {"x": {}}, "target": {"y": {"kind": "category"}},
    "clock": "event",
}  # fmt: skip


@contextmanager
def at_work(*loops):
    threads = [threading.Thread(target=loop.run, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for loop, thread in zip(loops, threads, strict=True):
            loop.stop()
            thread.join(30)


def sent(model_id, number, key, seconds, **fields):
    return key, json.dumps(
        {"model_id": model_id, "prediction_id": f"{key}-{number}", "model_version": "1.0.0",
         "predicted_at": at(seconds), **fields}
    ).encode()  # fmt: skip


def archived(uri, model_id):
    try:
        found = newest_rows(uri, model_id, 99)
    except UserError:
        return {}
    return dict(zip(found.prediction_ids, found.table["rating"].to_pylist(), strict=True))


def test_values_close_forecasts_and_ratings_reach_their_rows(kafka, tmp_path):
    apply_topics(kafka, partitions=2)
    uri = str(tmp_path / "lake")
    sender = Sender(kafka)
    for spec in (LOAD, RATED):
        sender.send(MODEL_SPECS, spec["model_id"], spec_record(spec).value())
    for server in ("web-1", "web-2"):
        features = {"server": server, "past": [7]}
        sender.send(PREDICTION_OUTCOMES, *sent("load", 0, server, 0, features=features, prediction=[1.0, 2.0, 3.0]))
        for step in (30, 60, 90):
            value = {
                "model_id": "load",
                "entity": server,
                "observed_at": at(step),
                "label": 2.0,
                "labelled_at": at(step),
            }
            sender.send(PREDICTION_LABELS, server, json.dumps(value).encode())
    _, row = sent("answers", 0, "p", 0, features={"x": 1.0}, prediction="1")
    sender.send(PREDICTION_OUTCOMES, "p-0", row)
    for told in ({"rating": 0.25, "labelled_at": at(50)}, {"label": "1", "labelled_at": at(90)}):
        label = {"model_id": "answers", "prediction_id": "p-0", **told}
        sender.send(PREDICTION_LABELS, "p-0", json.dumps(label).encode())
    sender.flush()
    archive = Archive(DeltaSink(uri, ArchiveMetrics(CollectorRegistry())))
    loops = (Loop(Ingest(), INGEST, kafka), Loop(DriftDetection(), DETECTION, kafka), Loop(archive, ARCHIVE, kafka))
    wanted, labelled, deadline = {"load": 2, "answers": 1}, {}, time.monotonic() + 60
    with Tail(kafka, [DRIFT_STATUS]) as statuses, at_work(*loops):
        while labelled != wanted or not archived(uri, "answers") or len(archived(uri, values_of("load"))) < 6:
            assert time.monotonic() < deadline, labelled
            found = [DriftStatus.from_json(one.value) for one in statuses.read(0.2) if one.value]
            labelled |= {one.model_id: one.labelled_rows for one in found if not one.segment}
    sender.close()
    assert archived(uri, "answers") == {"p-0": 0.25}
    assert len(archived(uri, "load")) == 2
    values = newest_rows(uri, values_of("load"), 99)
    assert len(set(values.prediction_ids)) == 6, "each value stands there once"
