"""What is attainable now: the same losses however rows are framed and whenever the service restarts."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from driftloop.codec.frames import ROW_COLUMNS, Frame, encode_frame
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.topics import CHALLENGE_SCORES, MODEL_EVENTS, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.learners.probe import Probe
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.score.attainable import goes_by_attainable
from trainer_worker.core.score.processor import ChallengeScoring

ROWS, FIRST = 700, 200
SPEC = ModelSpec(
    model_id="m",
    task="binary",
    features={"x": Feature()},
    target={"y": TargetField()},
    policy={"preset": "default", "triggers": {"attainable": True}},
)
DRAWN = np.random.default_rng(5)
X = DRAWN.normal(size=ROWS)
Y = np.where((X > 0) == (np.arange(ROWS) < 450), "yes", "no").astype(object)


class Shelf:
    def predict(self, artifact, sha256, rows):
        return Predictions({"y": np.where(rows.features["x"] > 0, "yes", "no").astype(object)})

    def check(self, artifact, sha256) -> None: ...


class Learnt:
    def rows(self, artifact, sha256, spec):
        return Rows({"x": X[:FIRST]}, {"y": Y[:FIRST]})


class Log:
    def __init__(self, records) -> None:
        self.records = records

    def between(self, model_id, partition, first, last):
        return [record for record in self.records if first <= record.offset() <= last]


def frame(offset, first, last) -> FakeRecord:
    rows = last - first
    columns = {name: pa.nulls(rows, kind) for name, kind in ROW_COLUMNS.items()}
    events = ["example" if row < FIRST else "outcome" for row in range(first, last)]
    columns["event"] = pa.array(events)
    columns["prediction_id"] = pa.array([str(row) for row in range(first, last)])
    columns["model_version"] = pa.array([None if row < FIRST else "1.0.0" for row in range(first, last)])
    columns["feature.x"] = pa.array(X[first:last])
    columns["prediction.y"] = pa.array(["yes" if x > 0 else "no" for x in X[first:last]])
    columns["label.y"] = pa.array(Y[first:last].tolist())
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    header = FrameHeader(model_id="m", spec_version=1, rows=rows, first_at=START, last_at=START)
    value, headers = encode_frame(Frame(header, batch))
    return FakeRecord(OUTCOME_FRAMES, key="m", value=value, headers=headers, at_offset=offset)


def frames(length) -> list[FakeRecord]:
    edges = [0, *range(FIRST, ROWS, length), ROWS]
    return [frame(offset, *span) for offset, span in enumerate(itertools.pairwise(edges))]


def event(name, version) -> FakeRecord:
    message = ModelEvent(
        message_id=derive_id(name, version), model_id="m", occurred_at=START, event=name, version=version,
        reason="test", artifact=f"memory://m/{version}", artifact_sha256="0" * 64,
    )  # fmt: skip
    return FakeRecord(MODEL_EVENTS, key="m", value=message.to_json())


def core(log) -> ChallengeScoring:
    made = ChallengeScoring(Shelf(), Log(log), Learnt())
    published = ModelSpecPublished(
        message_id=derive_id("spec"), model_id="m", occurred_at=START, spec_version=1, spec=SPEC
    )
    made.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key="m", value=published.to_json())])
    return made


def told(length, restart_after=(), wakes=0) -> list[ChallengeScores]:
    """All scores of the stream in frames of `length` rows, with restarts after some frames, and woken so often at most
    after each."""
    records, state, found = frames(length), {}, []
    running = core(records)
    running.restore(0, ())
    for record in records:
        steps = [[record]] if record.offset() else [[record], [event("promoted", "1.0.0")]]
        for step in steps:
            effects = running.process(step, START)
            state |= {change.key: change.value for change in effects.state_changes}
            found += [ChallengeScores.from_json(o.value) for o in effects.outgoing if o.topic == CHALLENGE_SCORES]
            for _ in range(wakes):
                if effects.wake_at is not None:
                    effects = running.wake(START)
                    assert effects.says_nothing
        if record.offset() in restart_after:
            running = core(records)
            running.restore(0, state.items())
    return found


def column(scores, window) -> list[float]:
    return [loss for message in scores for loss in message.fresh[window]]


def test_every_judged_row_has_the_champions_loss_and_that_of_each_window_and_twin():
    scores = told(50)
    assert sum(len(message.losses["1.0.0"]) for message in scores) == ROWS - FIRST
    assert {tuple(message.fresh) for message in scores} == {(50, 100, 200)}
    assert all(len(message.twin) == len(message.losses["1.0.0"]) for message in scores)


def test_a_cheap_model_of_few_rows_learns_a_new_concept_that_the_twin_does_not():
    scores = told(50)
    late = slice(400, None)
    assert np.mean(column(scores, 100)[late]) < 0.1
    assert np.mean([loss for message in scores for loss in message.twin][late]) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("length", [7, 33, 500])
def test_how_rows_are_framed_changes_nothing(length):
    for window in (50, 100, 200):
        assert column(told(length), window) == column(told(50), window)


def test_a_restart_changes_nothing():
    assert told(33, restart_after=(0, 3, 4, 11)) == told(33)


def test_archived_versions_are_scored_beside_the_champion():
    running = core(records := frames(100))
    running.restore(0, ())
    running.process([records[0], event("promoted", "1.0.0")], START)
    running.process([event("archived", "0.9.0")], START)
    (out,) = running.process([records[1]], START).outgoing
    assert list(ChallengeScores.from_json(out.value).losses) == ["1.0.0", "0.9.0"]


def test_a_policy_that_cannot_be_asks_for_nothing():
    assert goes_by_attainable(SPEC)
    assert not goes_by_attainable(SPEC.model_copy(update={"policy": {"preset": "none"}}))


@pytest.mark.parametrize("length", [7, 25, 50, 125])
def test_scores_are_the_same_whether_cheap_models_were_fitted_ahead_or_not(length):
    restarts = {2, 5}
    assert told(length, restarts, wakes=3) == told(length, restarts)


def test_a_frame_does_not_wait_for_cheap_models_that_were_fitted_ahead(monkeypatch):
    fits, fit = [], Probe.fit
    monkeypatch.setattr(Probe, "fit", lambda self, *rest, **named: fits.append(1) or fit(self, *rest, **named))
    running, records = core(frames(25)), frames(25)
    running.restore(0, ())
    running.process([records[0], event("promoted", "1.0.0"), records[1]], START)
    for record in records[2:]:
        while (wish := running.wake(START)).wake_at is not None:
            assert wish.says_nothing
        before = len(fits)
        running.process([record], START)
        assert len(fits) == before


def test_rows_that_cannot_be_learnt_from_are_told_of_by_the_frame_that_needs_them(monkeypatch):
    running, records = core(frames(50)), frames(50)
    running.restore(0, ())
    running.process([records[0], event("promoted", "1.0.0"), records[1]], START)

    def fail(*_rest, **_named):
        raise ZeroDivisionError("no tree grows here")

    monkeypatch.setattr(Probe, "fit", fail)
    assert running.wake(START).wake_at is None
    assert "no tree grows here" in running.process([records[2]], START).dead_letters[0].message
