"""What `online-net` promises beyond what every learner does."""

import subprocess
import sys

import numpy as np
import pytest

from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField

SPEC = ModelSpec(
    model_id="m",
    task="binary",
    features={"x": Feature(), "z": Feature()},
    target={"y": TargetField()},
)


def rows(count: int, seed: int, *, flipped: bool) -> Rows:
    """`y` is the sign of x; where z is positive it may be the other way round."""
    random = np.random.default_rng(seed)
    x, z = random.normal(size=count), random.normal(size=count)
    up = (x > 0) ^ (flipped & (z > 0))
    return Rows({"x": x, "z": z}, {"y": np.where(up, "up", "down").astype(object)})


def accuracy(model, told: Rows) -> float:
    return float(np.mean(model.predict(told).fields["y"] == told.labels["y"]))


def test_a_server_that_loads_it_imports_no_torch():
    script = "import sys, driftloop.learners.online_net; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.slow
def test_updates_of_ten_rows_learn_the_new_concept_and_keep_the_old_one():
    learner = make_learner(SPEC, "online-net", {"learning_rate": 0.01, "steps": 400})
    model = learner.fit(rows(400, 0, flipped=False), None, warm_start=None, seed=1, progress=lambda _step: None)
    old, new = rows(400, 8, flipped=True), rows(400, 9, flipped=True)
    same, changed = old.take(old.features["z"] <= 0), new.take(new.features["z"] > 0)
    before = accuracy(model, same)
    seen = rows(300, 2, flipped=True)
    for end in range(10, 301, 10):
        window = seen.take(slice(max(0, end - 200), end))
        model = learner.fit(window, None, warm_start=model, seed=end, progress=lambda _step: None)
    assert accuracy(model, changed) > 0.85
    assert accuracy(model, same) > before - 0.05


@pytest.mark.slow
def test_a_row_of_weight_zero_teaches_nothing():
    learner = make_learner(SPEC, "online-net", {"steps": 200})
    told = rows(200, 3, flipped=False)
    wrong = rows(200, 3, flipped=False)
    wrong.labels["y"][:100] = "up"
    weights = np.r_[np.zeros(100), np.ones(100)]
    models = [
        learner.fit(Rows(one.features, one.labels, weights), None, warm_start=None, seed=1, progress=lambda _step: None)
        for one in (told, wrong)
    ]
    assert (models[0].predict(told).fields["y"] == models[1].predict(told).fields["y"]).all()
