"""Both roles over the loop in memory, their settings and what they show."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from driftloop.contracts.topics import MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from outcome_ingestion.app import ARCHIVE, INGEST
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.metrics import IngestMetrics
from outcome_ingestion.settings import Settings


def put(log, record):
    log.append(record.topic(), key=record.key(), value=record.value(), headers=tuple(record.headers() or ()))


def test_rows_and_labels_go_through_the_loop_and_a_new_process_goes_on(make, row, spec, bench):
    log = MemoryLog()
    specs = bench.core._readers["plant"].layout.spec
    put(log, spec(specs.model_copy(update={"clock": "event"}).model_dump()))
    for n in range(3):
        put(log, make.outcome(row(n)))
    first = MemoryLoop(Ingest(), INGEST, log)
    first.settle()
    first.kill()
    put(log, make.label(1, 4.0, 60))
    put(log, make.outcome(row(2)))
    MemoryLoop(Ingest(), INGEST, log).settle()
    frames = log.records(OUTCOME_FRAMES)
    assert [int(dict(record.headers())["rows"]) for record in frames] == [3, 1]
    assert {PREDICTION_OUTCOMES, PREDICTION_LABELS} == set(INGEST.inputs)
    assert INGEST.tables == (MODEL_SPECS,)
    assert ARCHIVE.inputs == (OUTCOME_FRAMES,)


def test_metrics_show_what_the_core_counted(bench, make, row):
    registry = CollectorRegistry()
    registry.register(IngestMetrics(bench.core))
    bench.feed([make.outcome(row(1)), make.label(1, 4.0, 60), make.label(9, 4.0, 60)])
    shown = generate_latest(registry).decode()
    for line in (
        'driftloop_ingested_rows_total{event="prediction",model="plant"} 1.0',
        'driftloop_ingested_rows_total{event="label",model="plant"} 1.0',
        "driftloop_ingest_records_total 3.0",
        "driftloop_ingest_frames_total 1.0",
        "driftloop_labels_waiting 1.0",
        "driftloop_rows_waiting 0.0",
        'driftloop_label_delay_seconds_bucket{le="60.0",model="plant"} 1.0',
        'driftloop_label_delay_seconds_count{model="plant"} 1.0',
    ):
        assert line in shown


def test_settings_come_from_the_environment_and_refuse_what_they_do_not_know(monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_OUTCOME_INGESTION_ROLE", "archive")
    monkeypatch.setenv("DRIFTLOOP_OUTCOME_INGESTION_CORRECTABLE_ROWS", "7")
    settings = Settings()
    assert settings.role == "archive"
    assert settings.rules.correctable_rows == 7
    with pytest.raises(ValueError, match="colour"):
        Settings(colour="red")  # type: ignore[call-arg]
