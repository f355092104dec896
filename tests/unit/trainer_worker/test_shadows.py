"""Versions that others run in the shadow are scored by what they said, and need no artifact."""

import pyarrow as pa
import pytest
from tests.unit.trainer_worker.test_challenge_scoring import ConstantShelf, ListLog, NoLearntRows, frame_record

from driftloop.codec.frames import Frame, decode_frame, encode_frame
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_EVENTS, MODEL_SPECS
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.score.processor import ChallengeScoring

ROWS = [
    ("outcome", "blue", "no", "yes", "a"),
    ("label", "blue", "yes", "yes", "b"),
    ("outcome", "blue", "no", "no", "a"),
]


def with_shadow(record, said, version="2026-05.2"):
    """The frame with a version's predictions in the shadow."""
    frame = decode_frame(record.value(), record.headers())
    batch = frame.batch.append_column(f"shadow.{version}.y", pa.array(said, pa.string()))
    value, headers = encode_frame(Frame(frame.header, batch))
    return FakeRecord(record.topic(), key="plant", value=value, headers=headers, at_offset=record.offset())


def event(name, version, previous=None):
    message = ModelEvent(
        message_id=derive_id("event", name, version), model_id="plant", occurred_at=START, event=name, version=version,
        previous_version=previous, reason="because",
    )  # fmt: skip
    return FakeRecord(MODEL_EVENTS, key="plant", value=message.to_json())


@pytest.fixture
def scoring(spec):
    core = ChallengeScoring(ConstantShelf(), ListLog([]), NoLearntRows())
    external = spec.model_copy(update={"serving": "external"})
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=START, spec_version=1, spec=external
    )
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key="plant", value=published.to_json())])
    core.restore(0, ())
    return core


def scores(core, record):
    effects = core.process([record], START, tables_current=True)
    return [ChallengeScores.from_json(out.value) for out in effects.outgoing]


def test_a_champion_without_an_artifact_is_scored_by_what_it_said(scoring):
    scoring.process([event("promoted", "blue")], START)
    (told,) = scores(scoring, frame_record(1, ROWS))
    assert told.losses == {"blue": (1.0, 0.0, 0.0)}
    assert not told.refused


def test_a_version_in_the_shadow_is_told_before_anybody_registered_it(scoring):
    scoring.process([event("promoted", "blue")], START)
    (told,) = scores(scoring, with_shadow(frame_record(1, ROWS), ["yes", "yes", "yes"]))
    assert told.losses == {"blue": (1.0, 0.0, 0.0), "2026-05.2": (0.0, 0.0, 1.0)}


def test_rows_that_the_shadow_did_not_predict_are_compared_with_none(scoring):
    scoring.process([event("promoted", "blue")], START)
    (told,) = scores(scoring, with_shadow(frame_record(1, ROWS), ["yes", None, "no"]))
    assert told.losses == {"blue": (1.0, 0.0), "2026-05.2": (0.0, 0.0)}


def test_a_challenger_that_did_not_run_on_a_frame_is_refused_there_and_the_champion_is_told(scoring):
    scoring.process([event("promoted", "blue"), event("challenged", "green", "blue")], START)
    (told,) = scores(scoring, frame_record(1, ROWS))
    assert told.losses == {"blue": (1.0, 0.0, 0.0)}
    assert set(told.refused) == {"green"}
    assert not told.refused["green"].unusable


def test_shadows_of_our_own_models_are_not_told(scoring, spec_record):
    scoring.take_table(MODEL_SPECS, [spec_record])
    core = ChallengeScoring(ConstantShelf(), ListLog([]), NoLearntRows())
    core.take_table(MODEL_SPECS, [spec_record])
    core.restore(0, ())
    core.process([event("promoted", "blue")], START)
    assert scores(core, with_shadow(frame_record(1, ROWS), ["yes", "yes", "yes"])) == []
