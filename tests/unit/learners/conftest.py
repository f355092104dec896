"""Small data sets with known structure, and specs for each kind of task."""

from collections.abc import Callable

import numpy as np
import pytest

from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField

FEATURES = {
    "x": Feature(),
    "flat": Feature(),
    "gap": Feature(),
    "empty": Feature(),
    "colour": Feature(kind="category"),
}


@pytest.fixture
def make_spec() -> Callable[[str], ModelSpec]:
    def spec(task: str) -> ModelSpec:
        target = {
            "multiclass": {"kind": TargetField()},
            "regression": {"size": TargetField(kind="number")},
            "multi-field": {"size": TargetField(kind="number"), "moisture": TargetField(kind="number")},
        }[task]
        return ModelSpec(model_id="plant", task=task, features=FEATURES, target=target)

    return spec


@pytest.fixture
def make_rows() -> Callable[..., Rows]:
    def rows(count: int = 240, seed: int = 0) -> Rows:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=count)
        gap = rng.normal(size=count)
        colour = rng.choice(np.array(["red", "green", "blue"], dtype=object), count)
        size = 2.0 * x + (colour == "red") + rng.normal(size=count) * 0.05
        kind = np.where(x + (colour == "red") > 0.5, "big", np.where(gap > 1.0, "odd", "small")).astype(object)
        gap[::7] = np.nan
        colour[::11] = None
        features = {"x": x, "flat": np.full(count, 3.0), "gap": gap, "empty": np.full(count, np.nan), "colour": colour}
        return Rows(features, {"size": size, "moisture": 10.0 - size, "kind": kind})

    return rows
