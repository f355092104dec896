"""Rows that a run is asked to learn from, odd but valid."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.trainer_worker.conftest import make_request

from driftloop.archive.rows import ArchivedRows
from driftloop.archive.schema import ARCHIVE_SCHEMA
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Predictions, Rows, Step
from driftloop.spec.model_spec import ModelSpec, TargetField
from driftloop.statistics.profiles import make_profile
from driftloop.testing.clock import START
from trainer_worker.adapters.command.folder import RunFolder, _step
from trainer_worker.adapters.data_set import data_set
from trainer_worker.core.train.absurd_labels import absurd
from trainer_worker.core.train.run_report import Progress

__all__ = ["make_request"]

DBL_MAX = float(np.finfo(np.float64).max)
SPEC = ModelSpec.model_validate(
    {"model_id": "m", "task": "regression", "features": {"x": {}, "z": {}}, "target": {"y": {"kind": "number"}}}
)
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
finite = st.floats(allow_nan=False, allow_infinity=False)


def archived(x, z, y) -> ArchivedRows:
    rows = [
        {
            "predicted_at": FIRST + timedelta(minutes=row),
            "label_source": "user",
            "frame_offset": row // 10,
            "numbers": [("x", float(x[row])), ("z", float(z[row]))],
            "categories": [],
            "labels_number": [("y", float(y[row]))],
            "labels_category": [],
        }
        for row in range(len(x))
    ]
    return ArchivedRows("m", 0, pa.Table.from_pylist(rows, ARCHIVE_SCHEMA))


AMOUNTS = {
    "log-normal": lambda rng, n: np.exp(3 + 2.2 * rng.normal(size=n)),
    "exponential": lambda rng, n: rng.exponential(100, size=n),
    "gamma": lambda rng, n: rng.gamma(2, 50, size=n),
    "counts with a heavy tail": lambda rng, n: np.ceil(rng.pareto(1.5, size=n)),
}


@pytest.mark.wild(
    area="training",
    given="a target that is 0 in half to 99 % of the rows, the rest amounts with a heavy tail",
    right="no row is left out; a slip of 999999999 among them is",
)
@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.72, 0.749, 0.76, 0.9, 0.99])
@pytest.mark.parametrize("amounts", AMOUNTS)
def test_zero_inflated_targets_are_learnt_whole(amounts, zeros):
    rng = np.random.default_rng(3)
    y = np.where(rng.random(20_000) < zeros, 0.0, AMOUNTS[amounts](rng, 20_000))
    assert not absurd(y).any()
    y[77] = 999_999_999.0
    assert np.flatnonzero(absurd(y)).tolist() == [77]


@given(st.lists(finite, min_size=1, max_size=60))
def test_at_most_one_label_in_a_hundred_is_absurd(values):
    wrong = absurd(np.clip(np.array(values), -3e38, 3e38))
    assert wrong.sum() <= max(1, len(values) // 100 * 2)


@pytest.mark.wild(
    area="training",
    given="one label of 999999999, one of DBL_MAX, a feature with DBL_MAX for missing",
    right="the two rows are left out, the feature is missing there, and the result says all three",
)
def test_what_is_left_out_and_what_counts_as_missing_is_said():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=400), rng.normal(size=400)
    y = 3 * x
    y[7], y[9], z[20:25] = 999_999_999.0, DBL_MAX, DBL_MAX
    data = data_set(archived(x, z, y), SPEC)
    assert (len(data.rows), data.quality.left_out) == (398, 1)
    said = data.quality.remarks()
    assert said[0].startswith("y: 1 of 399 rows were left out, their labels lie absurdly far from the others: 1e+09")
    assert said[1].startswith("y: 1 of 400 labels are beyond 3.4e+38")
    assert said[2].startswith("z: 5 of 398 values are beyond 3.4e+38")
    assert data.quality.missing["z"] == pytest.approx(5 / 398, abs=1e-6)


@given(st.lists(st.tuples(finite, finite, finite), min_size=6, max_size=40))
@settings(max_examples=15, deadline=None)
def test_any_finite_numbers_can_be_learnt_from_predicted_and_profiled(cells):
    x, z, y = np.array(cells).T
    try:
        data = data_set(archived(x, z, y), SPEC)
    except ValueError as error:
        assert "no archived row of this model has all its labels" in str(error)  # noqa: PT017
        return
    if len(data.rows) < 5:
        return
    model = make_learner(SPEC, "linear", {}).fit(data.rows, None, warm_start=None, seed=0, progress=lambda _: None)
    said = model.predict(Rows({"x": x, "z": z}))
    assert np.isfinite(said.fields["y"]).all()
    kept = Predictions({"y": said.fields["y"][: len(data.rows)]})
    profile = make_profile(
        "m", "1.0.0", SPEC, 1, data.rows, kept, np.ones(len(data.rows)), 1.0,
        message_id=derive_id("p", 1), occurred_at=START,
    )  # fmt: skip
    assert ModelProfile.from_json(profile.to_json()) == profile


@pytest.mark.wild(
    area="training",
    given="1 % of a feature is DBL_MAX",
    right="its profile is that of the other rows; the count of what is beyond stands in it",
)
def test_a_profile_counts_what_is_beyond_as_missing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    z = np.where(np.arange(1000) % 100 == 0, DBL_MAX, rng.normal(size=1000))
    profile = make_profile(
        "m", "1.0.0", SPEC, 1, Rows({"x": x, "z": z}, {"y": x}), Predictions({"y": x}), np.ones(1000), 1.0,
        message_id=derive_id("p", 1), occurred_at=START,
    )  # fmt: skip
    found = profile.numeric["z"]
    assert (found.beyond, found.missing) == (10, 10)
    assert found.variance == pytest.approx(1.0, abs=0.1)
    assert profile.joint is not None


@pytest.fixture
def left(tmp_path, make_request):
    """A run's folder in which a program has left some lines of progress or a table of predictions."""
    folder = RunFolder(tmp_path, make_request(), "proof")
    folder.path.mkdir(parents=True)

    def leave(progress: str = "", **predictions) -> RunFolder:
        (folder.path / "progress.jsonl").write_text(progress)
        if predictions:
            pq.write_table(pa.table(predictions), folder.path / "predictions.parquet")
        return folder

    return leave


@pytest.mark.wild(
    area="training",
    given="a line of progress with a loss as text, NaN or a list, a step below 0, of 0 steps or beyond the last one",
    right="what can be read is told, the rest is left out; the run goes on (it failed)",
)
@pytest.mark.parametrize(
    ("line", "step"),
    [
        ('{"step": 1, "steps": 2, "training_loss": "0.5"}', Step(1, 2, 0.5, None)),
        ('{"step": 1, "steps": 2, "training_loss": NaN, "validation_loss": 0.25}', Step(1, 2, None, 0.25)),
        ('{"step": 1, "steps": 2, "training_loss": [0.5]}', Step(1, 2, None, None)),
        ('{"step": 5, "steps": 2}', Step(5, 5, None, None)),
        ('{"step": -1, "steps": 2}', None),
        ('{"step": 1, "steps": 0}', None),
        ('{"step": 1e400, "steps": 2}', None),
        (f'{{"step": {10**30}, "steps": 2}}', None),
        ('{"loss": 1}', None),
    ],
)
def test_a_line_of_progress_ends_no_run(left, line, step):
    assert left(line + "\n").steps() == [one for one in [step] if one is not None]


@given(
    st.dictionaries(
        st.sampled_from(["step", "steps", "training_loss", "validation_loss"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=2),
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_a_line_says_the_console_can_be_told_of_it(told):
    step = _step(json.dumps(told).encode())
    if step is not None:
        Progress(step=step.step, steps=step.steps, training_loss=step.training_loss)
        assert step.step <= step.steps


def test_progress_that_is_written_anew_is_read_from_its_begin(left):
    folder = left('{"step": 1, "steps": 9}\n{"step": 2, "steps": 9}\n')
    assert [one.step for one in folder.steps()] == [1, 2]
    assert [one.step for one in left('{"step": 3, "steps": 9}\n').steps()] == [3]


@pytest.mark.wild(
    area="training",
    given="predicted classes with NaN for missing, as bytes or lists",
    right="refused with a sentence; they became the classes `nan`, `b'yes'` and `['yes']`",
)
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (pa.array([1.0, float("nan")]), "has rows without a prediction"),
        (pa.array([b"yes", b"no"]), "of type binary where classes are expected"),
        (pa.array([["yes"], ["no"]]), "where classes are expected"),
        (pa.array(["yes", None]), "has rows without a prediction"),
    ],
    ids=["NaN", "bytes", "lists", "null"],
)
def test_what_is_no_class_is_refused(left, values, sentence):
    spec = SPEC.model_copy(update={"task": "binary", "target": {"y": TargetField(kind="category")}})
    with pytest.raises(ValueError, match=sentence):
        left(y=values).predictions("predictions.parquet", spec, 2)
    (said,) = left(y=pa.array([1.0, 0.0])).predictions("predictions.parquet", spec, 2).fields.values()
    assert said.tolist() == ["1", "0"]
