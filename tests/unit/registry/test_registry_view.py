"""The registry view is made from the log and from nothing else."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from driftloop.contracts import topics
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.message import ControlMessage, FramePosition, RowPosition, derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingData, TrainingResult
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.lineage import lineage
from driftloop.tools.registry.tables import Table
from driftloop.tools.registry.view import RegistryView

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HERE = FramePosition(partition=0, offset=7)
SPEC = ModelSpec.model_validate({"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}})


def envelope(kind, number, *causes):
    return {"message_id": derive_id(kind, number), "model_id": "m", "occurred_at": NOW, "caused_by": causes}


def story() -> list[tuple[str, ControlMessage]]:
    """A first version, a drift, a run, a promotion."""
    at = RowPosition(row=5, prediction_id="p", at=NOW)
    signal = DriftSignal(
        **envelope("signal", 1), model_version="1.0.0", kind="error", detector="cusum", harmful=True, statistic=2.0,
        threshold=1.0, reference_rows=10, current_rows=10, onset=at, raised=at, position=HERE,
    )  # fmt: skip
    run = derive_id("request", 1)
    decision = RetrainDecision(
        **envelope("decision", 1, signal.message_id), action="retrain", trigger="drift", reason="r", policy="default",
        candidate="1.0.1", run_id=run,
    )  # fmt: skip
    request = TrainingRequest(
        **envelope("request", 1, signal.message_id, decision.message_id), version="1.0.1", spec_version=1,
        learner="linear", data=DataRule(until=HERE, rows=100), reason="r",
    )  # fmt: skip
    result = TrainingResult(
        **envelope("result", 1, run), run_id=run, status="succeeded", version="1.0.1", artifact="a/1.0.1",
        artifact_sha256="0" * 64, data=TrainingData(first=HERE, last=HERE, rows=90, sha256="1" * 64),
        cost=TrainingCost(seconds=2.5, cpu_seconds=2.0),
    )  # fmt: skip
    promoted = RetrainDecision(
        **envelope("decision", 2),
        action="promote",
        trigger="proof",
        reason="better",
        policy="default",
        candidate="1.0.1",
    )

    def event(number, name, version, **rest):
        return topics.MODEL_EVENTS, ModelEvent(
            **envelope("event", number), event=name, version=version, reason="r", **rest
        )

    return [
        (topics.MODEL_SPECS, ModelSpecPublished(**envelope("spec", 1), spec_version=1, spec=SPEC)),
        event(1, "registered", "1.0.0", artifact="a/1.0.0"),
        event(2, "promoted", "1.0.0"),
        (topics.DRIFT_SIGNALS, signal),
        (topics.RETRAIN_DECISIONS, decision),
        (topics.TRAINING_REQUESTS, request),
        (topics.TRAINING_RESULTS, result),
        event(3, "registered", "1.0.1", run_id=run, artifact="a/1.0.1"),
        event(4, "challenged", "1.0.1", run_id=run),
        (topics.RETRAIN_DECISIONS, promoted),
        event(5, "promoted", "1.0.1", previous_version="1.0.0", run_id=run),
    ]


def records(messages):
    numbers: dict[str, int] = {}
    for topic, message in messages:
        offset = numbers[topic] = numbers.get(topic, -1) + 1
        yield FakeRecord(topic, key="m", value=message.to_json(), at_offset=offset)


def dump(view):
    with Session(view.engine) as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all()))
            for table in Table.metadata.sorted_tables
        }


@pytest.fixture
def view():
    made = RegistryView()
    made.take_in(records(story()))
    yield made
    made.close()


def test_versions_stand_as_their_events_left_them(view):
    assert [(info.version, info.status) for info in view.versions("m")] == [
        ("1.0.0", "archived"),
        ("1.0.1", "champion"),
    ]
    assert view.champion("m").artifact == "a/1.0.1"
    assert view.models()[0].champion == "1.0.1"


def test_reading_the_log_twice_changes_nothing(view):
    before = dump(view)
    assert view.take_in(records(story())) == 0
    assert dump(view) == before


def test_a_view_made_again_is_equal(view):
    before = dump(view)
    view.clear()
    assert view.versions("m") == []
    for record in records(story()):
        view.take_in([record])
    assert dump(view) == before


def test_lineage_tells_signal_decision_run_data_proof_and_promotion(view):
    found = lineage(view, "m", "1.0.1")
    assert [signal.detector for signal in found.signals] == ["cusum"]
    assert found.decision.action == "retrain"
    assert found.request.data.rows == 100
    assert found.data.rows == 90
    assert [decision.action for decision in found.proof] == ["promote"]
    assert [event.event for event in found.events] == ["registered", "challenged", "promoted"]
    assert lineage(view, "m", "9.9.9") is None


def test_statistics_count_versions_runs_and_decisions(view):
    counted = view.statistics()
    assert counted.versions_by_status == {"archived": 1, "champion": 1}
    assert (counted.runs, counted.runs_failed, counted.training_seconds) == (1, 0, 2.5)
    assert (counted.promotions, counted.roll_backs, counted.signals) == (2, 0, 1)
    assert view.statistics("another").versions == 0


def test_the_view_knows_how_far_it_has_read(view):
    assert view.cursors()[topics.MODEL_EVENTS, 0] == 5


def test_moments_keep_their_zone(view):
    assert view.versions("m")[0].changed_at == NOW
