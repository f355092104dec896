"""Small streams with known drifts."""

from collections.abc import Callable

import numpy as np
import pytest

from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.backtest.fits import Fits
from driftloop.tools.backtest.layout import Layout
from driftloop.tools.backtest.stream import Stream
from driftloop.tools.backtest.table import LossTable

MakeStream = Callable[..., Stream]


def _stream(concepts: list[int], *, noise: float = 0.0, seed: int = 0, name: str = "made") -> Stream:
    """Rows of two features; the label is the sign of a weighted sum whose weights the row's concept picks."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(concepts), 2))
    weights = np.array([[1.0, 0.2], [-1.0, 0.2], [0.1, 1.0]])[concepts]
    labels = (features * weights).sum(axis=1) > 0
    flipped = rng.random(len(concepts)) < noise
    spec = ModelSpec(
        model_id=name,
        task="binary",
        features={"a": Feature(), "b": Feature()},
        target={"y": TargetField(kind="category")},
    )
    text = np.where(labels ^ flipped, "yes", "no").astype(object)
    return Stream(name, spec, Rows({"a": features[:, 0], "b": features[:, 1]}, {"y": text}))


@pytest.fixture(scope="session")
def make_stream() -> MakeStream:
    return _stream


@pytest.fixture(scope="session")
def make_table() -> Callable[..., LossTable]:
    def make(stream: Stream, layout: Layout, *, delay: int = 0, folder=None, learner: str = "linear") -> LossTable:
        return LossTable(Fits(stream, learner, make_learner(stream.spec, learner, {}), folder), layout, delay)

    return make
