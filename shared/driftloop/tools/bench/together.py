"""Features that go together: a correlation that turns while every feature by itself stays what it was."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.of_profile import reference_of
from drift_detection.core.windows.reference import Reference
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import LossProfile, ModelProfile
from driftloop.statistics.columns import numeric_profile
from driftloop.statistics.joint import joint_profile

Floats = NDArray[np.float64]

CORRELATION = 0.7
"""Of the first two features; the others are independent of them and of each other."""

NO_PROFILE = ModelProfile(
    message_id=derive_id("bench"),
    model_id="bench",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    version="1.0.0",
    spec_version=1,
    loss=LossProfile(rows=0, mean=0.0, variance=0.0, bound=1.0),
)
"""Of a version that nothing is known of."""


def correlated(correlation: float, features: int, rows: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Standard normal features, the first two of which go together, by their names in a frame.

    >>> columns = correlated(-0.7, 2, 10_000, np.random.default_rng(0))
    >>> np.corrcoef([*columns.values()]).round(1).tolist()
    [[1.0, -0.7], [-0.7, 1.0]]
    """
    table = rng.normal(size=(features, rows))
    table[1] = correlation * table[0] + np.sqrt(1 - correlation**2) * table[1]
    return {f"feature.x{place}": column for place, column in enumerate(table)}


def together(columns: Mapping[str, Floats]) -> Reference:
    """What windows of rows like these are compared with: each feature by itself, and how they go together."""
    plain = {name.removeprefix("feature."): column for name, column in columns.items()}
    numeric = {name: numeric_profile(column) for name, column in plain.items()}
    return reference_of(NO_PROFILE.model_copy(update={"numeric": numeric, "joint": joint_profile(plain, numeric)}))
