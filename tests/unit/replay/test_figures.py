import numpy as np
import pytest

from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.replay.figures import is_accuracy, score, stream_losses


def spec(kind, task):
    return ModelSpec(model_id="m", task=task, features={"x": Feature()}, target={"y": TargetField(kind=kind)})


def texts(*values):
    return np.array(values, dtype=object)


def test_accuracy_stands_beside_the_no_change_and_the_first_model():
    model = spec("category", "binary")
    labels = {"y": texts("a", "a", "b", "b", "a")}
    losses = stream_losses(model, labels, 1, {"y": texts("a", "b", "b", "a")}, {"y": texts("a", "a", "a", "a")})
    assert score(model, losses.served) == 1.0
    assert score(model, losses.no_change) == 0.5
    assert score(model, losses.never_retrained) == 0.5


def test_a_regression_is_scored_by_its_mean_absolute_error():
    model = spec("number", "regression")
    assert not is_accuracy(model)
    losses = stream_losses(model, {"y": np.array([1.0, 2.0, 4.0])}, 1, {"y": np.array([2.0, 3.0])}, {"y": np.zeros(2)})
    assert score(model, losses.served) == pytest.approx(0.5)
    assert score(model, losses.no_change) == pytest.approx(1.5)
    assert score(model, losses.never_retrained) == pytest.approx(3.0)
