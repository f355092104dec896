from datetime import UTC, datetime

from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.topics import MODEL_EVENTS, TRAINING_REQUESTS, TRAINING_RESULTS
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingResult
from driftloop.kafka.clients.tail import TailRecord
from driftloop.tools.replay.journal import Journal
from driftloop.tools.replay.lineage import lineage

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(topic, message):
    return TailRecord(topic, 0, 0, message.model_id, message.to_json(), (), 0)


def request(number, model="m"):
    return TrainingRequest(
        message_id=derive_id("run", model, number),
        model_id=model,
        occurred_at=NOW,
        version=f"1.0.{number}",
        spec_version=1,
        learner="linear",
        data=DataRule(until=FramePosition(partition=0, offset=number), rows=100),
        reason="asked for",
    )


def result(number, model="m"):
    return TrainingResult(
        message_id=derive_id("result", model, number),
        model_id=model,
        occurred_at=NOW,
        run_id=derive_id("run", model, number),
        status="succeeded",
        version=f"1.0.{number}",
        cost=TrainingCost(seconds=1.5, cpu_seconds=1.0),
    )


def event(number, kind="promoted"):
    return ModelEvent(
        message_id=derive_id(kind, number),
        model_id="m",
        occurred_at=NOW,
        event=kind,
        version=f"1.0.{number}",
        reason="better",
    )


def test_a_run_is_outstanding_until_its_result_is_there():
    journal = Journal("m")
    journal.take([record(TRAINING_REQUESTS, request(0))])
    assert journal.outstanding == {request(0).message_id}
    journal.take([record(TRAINING_RESULTS, result(0))])
    assert not journal.outstanding


def test_messages_count_once_and_only_those_of_the_model():
    told = []
    journal = Journal("m", told.append)
    journal.take([record(TRAINING_REQUESTS, request(0))] * 2 + [record(TRAINING_REQUESTS, request(1, "other"))])
    assert len(told) == len(journal.requests) == 1


def test_the_first_version_is_no_retraining_and_no_promotion():
    journal = Journal("m")
    for number in (0, 1):
        journal.take([record(TRAINING_REQUESTS, request(number)), record(TRAINING_RESULTS, result(number))])
        journal.take([record(MODEL_EVENTS, event(number))])
    assert [one.version for one in journal.retrain_results] == ["1.0.1"]
    assert [one.version for one in journal.events_of("promoted")] == ["1.0.1"]


def test_lineage_says_for_each_version_why_and_how_it_ended():
    journal = Journal("m")
    journal.take(
        [record(TRAINING_REQUESTS, request(0)), record(TRAINING_RESULTS, result(0)), record(MODEL_EVENTS, event(0))]
    )
    assert lineage(journal) == ["1.0.0 · because of asked for · succeeded in 1.5 s · promoted: better"]
