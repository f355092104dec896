import numpy as np
import pytest

from driftloop.errors import UserError
from driftloop.tools.replay.inference import infer_features, infer_spec, infer_task
from driftloop.tools.replay.table import Table

ROWS = 400
NOISE = np.random.default_rng(1).normal(size=ROWS)


def table(**columns):
    return Table({name: np.asarray(column) for name, column in columns.items()})


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (np.tile([0.0, 1.0], ROWS // 2), "binary"),
        (np.tile([1.0, 2.0, 3.0, 4.0], ROWS // 4), "multiclass"),
        (np.array(["yes", "no"] * (ROWS // 2), dtype=object), "binary"),
        (np.array(["a", "b", "c", None] * (ROWS // 4), dtype=object), "multiclass"),
        (NOISE, "regression"),
        (np.arange(ROWS, dtype=float), "regression"),
        (np.tile([0.5, 1.5], ROWS // 2), "regression"),
    ],
)
def test_the_task_follows_from_the_target(target, task):
    assert infer_task(table(y=target), "y") == task


def test_ids_constants_and_clocks_are_no_features():
    columns = table(
        clock=np.arange(ROWS, dtype=float),
        constant=np.zeros(ROWS),
        id=np.array([f"id-{i}" for i in range(ROWS)], dtype=object),
        city=np.array(["Ulm", "Bonn"] * (ROWS // 2), dtype=object),
        x=NOISE,
        y=NOISE,
    )
    assert infer_features(columns, "y") == ("city", "x")


def test_features_that_are_named_are_taken_as_they_are():
    spec = infer_spec(
        table(clock=np.arange(300.0), x=NOISE[:300], y=NOISE[:300]),
        "y",
        model_id="m",
        features=["clock"],
        train_rows=50,
    )
    assert list(spec.features) == ["clock"]
    assert spec.clock == "event"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "z"}, "z is not a column"),
        ({"features": ["q"]}, "q is not a column"),
        ({"features": ["y"]}, "cannot be a feature too"),
        ({"task": "clustering"}, "There is no task clustering"),
        ({"target": "city", "task": "regression"}, "holds text"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(changes, words):
    columns = table(x=NOISE, city=np.array(["a", "b"] * (ROWS // 2), dtype=object), y=NOISE)
    options = {"target": "y", "model_id": "m", "train_rows": 50, **changes}
    with pytest.raises(UserError, match=words) as refusal:
        infer_spec(columns, options.pop("target"), **options)
    assert refusal.value.exit_code == 2
