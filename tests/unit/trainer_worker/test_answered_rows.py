"""What scoring tells of requests that failed, where a spec bounds them."""

import numpy as np
import pytest
from tests.unit.trainer_worker.test_challenge_scoring import (
    NOW,
    ConstantShelf,
    ListLog,
    NoLearntRows,
    challenged,
    frame_record,
    scores,
)

from driftloop.contracts.challenge_scores import AnsweredRows
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS
from driftloop.learners.protocol import Predictions
from driftloop.spec.challenge import ChallengeRule
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.score.processor import ChallengeScoring


def core(spec, shelf=None, **rule):
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=START, spec_version=1,
        spec=spec.model_copy(update={"challenge": ChallengeRule(**rule)}),
    )  # fmt: skip
    scoring = ChallengeScoring(shelf or ConstantShelf(), ListLog([]), NoLearntRows())
    scoring.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key="plant", value=published.to_json())])
    scoring.restore(0, ())
    challenged(scoring)
    return scoring


def told(scoring, rows, statuses=None, offset=3):
    (message,) = scores(scoring.process([frame_record(offset, rows, statuses=statuses)], NOW))
    return message


def row(event, version="1.0.1", label="yes"):
    return (event, version, "no", label, "a")


STATUSES = ["ok", "timeout", "error", None, "FAILED", "error"]
ROWS = [
    row("prediction", label=None), row("prediction", label=None), row("label"), row("outcome"), row("outcome"),
    row("outcome", "0.9.0"),
]  # fmt: skip


def test_each_row_that_a_version_predicted_counts_once_labelled_or_not(spec):
    message = told(core(spec, critical_errors=0.1), ROWS, STATUSES)
    assert message.answered == {"1.0.1": AnsweredRows(rows=4, failed=2)}


def test_without_the_bound_nothing_is_told_and_the_message_is_the_same_as_before(spec):
    message = told(core(spec), ROWS, STATUSES)
    assert message.answered == {}
    assert b"answered" not in message.to_json()


class Breaks(ConstantShelf):
    """The challenger raises, or says no number, on the rows."""

    def predict(self, artifact, sha256, rows):
        if artifact.endswith("no"):
            raise RuntimeError("no such column")
        return super().predict(artifact, sha256, rows)


def test_rows_that_a_version_cannot_be_run_on_count_as_failed(spec):
    message = told(core(spec, Breaks(), critical_errors=0), [row("outcome", "1.0.0"), row("label", "1.0.0")])
    assert message.answered == {"1.0.0": AnsweredRows(rows=1, failed=0), "1.0.1": AnsweredRows(rows=2, failed=2)}


class Damaged(ConstantShelf):
    """Says another target."""

    def predict(self, artifact, sha256, rows):
        return Predictions({"other": np.zeros(len(rows))}) if artifact.endswith("no") else super().predict(
            artifact, sha256, rows)  # fmt: skip


def test_a_version_of_another_target_is_refused_and_has_not_failed(spec):
    message = told(core(spec, Damaged(), critical_errors=0), [row("outcome", "1.0.0")])
    assert set(message.refused) == {"1.0.1"}
    assert message.answered == {"1.0.0": AnsweredRows(rows=1, failed=0)}


@pytest.mark.parametrize("statuses", [None, [None] * 2])
def test_a_row_without_a_status_is_not_known_to_have_failed(spec, statuses):
    message = told(core(spec, critical_errors=0), [row("outcome"), row("outcome")], statuses)
    assert message.answered == {"1.0.1": AnsweredRows(rows=2, failed=0)}
