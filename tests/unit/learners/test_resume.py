"""A fit that is killed goes on, and gives the model that an undisturbed one gives."""

from pathlib import Path

import numpy as np
import pytest

from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Resumable, Rows
from driftloop.spec.model_spec import ModelSpec

SPEC = ModelSpec.model_validate(
    {"model_id": "m", "task": "binary", "features": {"x": {}, "z": {}}, "target": {"y": {}},
     "learner": {"name": "torch-mlp", "parameters": {"epochs": 6, "minimum_steps": 0, "patience": 50}}}
)  # fmt: skip


pytestmark = pytest.mark.slow


class Kept:
    """A checkpoint in memory that is always due."""

    def __init__(self) -> None:
        self.state: bytes | None = None

    def load(self):
        return self.state

    def is_due(self):
        return True

    def save(self, state):
        self.state = state


class KilledError(Exception):
    pass


def rows() -> Rows:
    random = np.random.default_rng(3)
    table = random.normal(size=(400, 2))
    return Rows({"x": table[:, 0], "z": table[:, 1]}, {"y": np.where(table.sum(axis=1) > 0, "a", "b").astype(object)})


def fit(kept: Kept | None, kill_after: int | None = None):
    steps = []

    def progress(step):
        steps.append(step.step)
        if step.step == kill_after:
            raise KilledError

    learner = make_learner(SPEC)
    if kept is not None:
        assert isinstance(learner, Resumable)
        learner.keep_at(kept)
    held_out = rows().take(slice(300, 400))
    return learner.fit(rows().take(slice(0, 300)), held_out, warm_start=None, seed=5, progress=progress), steps


def saved(model, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_fit_that_was_killed_goes_on_and_ends_with_the_same_bytes(tmp_path):
    whole, steps = fit(None)
    assert steps == [1, 2, 3, 4, 5, 6]
    kept = Kept()
    with pytest.raises(KilledError):
        fit(kept, kill_after=4)
    resumed, steps = fit(kept)
    assert steps == [4, 5, 6]
    assert saved(resumed, tmp_path / "resumed") == saved(whole, tmp_path / "whole")
