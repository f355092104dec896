"""A granulation plant that drifts: fouling creeps in, then a new lot of raw material comes at once.

Three settings are measured, two "soft sensors" are computed from them, and two properties of the
granules are to be predicted: the particle size `d50` in µm and the moisture `lod` in percent. The
relations are invented, smooth and noisy; what matters is *how* they change:

- *fouling* wears the process down linearly between two moments: no single hour looks different;
- *the lot* changes the particle size from one row to the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from driftloop.spec.model_spec import (
    Detection,
    Feature,
    LabelDelay,
    LearnerChoice,
    ModelSpec,
    TargetField,
    TrainingRule,
)

Floats = NDArray[np.float64]

NOISE_D50_UM = 12.0
NOISE_LOD_PERCENT = 0.08


@dataclass(frozen=True, slots=True)
class PlantRows:
    """Consecutive rows of the plant: what is measured, and the truth from the laboratory."""

    first: int
    features: dict[str, Floats]
    labels: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.features["spray_rate"])


@dataclass(frozen=True, slots=True)
class Plant:
    """The plant's history, wholly determined by its fields.

    Fouling grows from row `fouling_starts` to `fouling_full` and stays; the new lot comes at row
    `lot_change`. One row is taken every `interval`, from `started_at` on.

    >>> plant = Plant(rows=100)
    >>> bool((plant.take(0, 50).labels["d50"] == plant.take(0, 50).labels["d50"]).all())
    True
    """

    rows: int
    fouling_starts: int = 10**9
    fouling_full: int = 10**9 + 1
    lot_change: int = 10**9
    seed: int = 42
    started_at: datetime = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    interval: timedelta = timedelta(minutes=1)

    def at(self, row: int) -> datetime:
        """The moment of a row."""
        return self.started_at + row * self.interval

    def fouling(self, row: Floats) -> Floats:
        """How fouled the nozzles are at a row, 0 (clean) to 1."""
        share = (row - self.fouling_starts) / (self.fouling_full - self.fouling_starts)
        return np.asarray(np.clip(share, 0.0, 1.0), dtype=np.float64)

    def take(self, first: int, count: int) -> PlantRows:
        """Rows `first` to `first + count`; the same whatever was taken before."""
        last = min(first + count, self.rows)
        noise = np.random.default_rng(self.seed).standard_normal((self.rows, 5))[first:last]
        row = np.arange(first, last, dtype=np.float64)
        settings = _settings(row, noise)
        return PlantRows(first, settings, self._granules(row, settings, noise))

    def blocks(self, first: int, count: int) -> Iterator[PlantRows]:
        """The rows from `first` to the end, `count` at a time."""
        for start in range(first, self.rows, count):
            yield self.take(start, count)

    def _granules(self, row: Floats, settings: dict[str, Floats], noise: Floats) -> dict[str, Floats]:
        spray, speed, air = settings["spray_rate"], settings["carousel_speed"], settings["air_flow"]
        fouling, new_lot = self.fouling(row), (row >= self.lot_change).astype(np.float64)
        wetting = spray * (1.0 - 0.14 * fouling)
        d50 = 180.0 + 2.4 * wetting - 3.0 * (speed - 30.0) - 0.25 * air + 0.004 * wetting * speed
        d50 -= new_lot * (42.0 + 0.8 * (spray - 100.0)) + NOISE_D50_UM * noise[:, 3]
        lod = 1.2 + 0.021 * wetting - 0.006 * (air - 200.0) + 0.0004 * speed**2
        lod -= 0.3 * new_lot + NOISE_LOD_PERCENT * noise[:, 4]
        return {"d50": d50, "lod": lod}


def _settings(row: Floats, noise: Floats) -> dict[str, Floats]:
    """The operators move slowly through the day; the settings themselves never drift."""
    day = 2 * np.pi * row / 1440.0
    return {
        "spray_rate": np.round(100.0 + 10.0 * np.sin(3 * day) + 8.0 * noise[:, 0], 2),
        "carousel_speed": np.round(30.0 + 2.0 * np.cos(2 * day) + 2.5 * noise[:, 1], 2),
        "air_flow": np.round(200.0 + 15.0 * np.sin(day) + 10.0 * noise[:, 2], 2),
    }


def plant_spec(model_id: str = "granulation", learner: str = "torch-mlp") -> ModelSpec:
    """The spec of a model of the plant: three settings, two soft sensors, two targets.

    The scales are about the error of a healthy model, so that a loss of 1 is an ordinary day.
    """
    number = Feature(kind="number")
    return ModelSpec(
        model_id=model_id,
        task="multi-field",
        features={
            "spray_rate": number,
            "carousel_speed": number,
            "air_flow": number,
            "specific_energy": Feature(expression="spray_rate * carousel_speed / 1000"),
            "froude_proxy": Feature(expression="carousel_speed ** 2 / 9.81"),
        },
        target={
            "d50": TargetField(kind="number", scale=NOISE_D50_UM),
            "lod": TargetField(kind="number", scale=NOISE_LOD_PERCENT),
        },
        clock="event",
        label_delay=LabelDelay(expected_seconds=3600.0),
        detection=Detection(window_rows=500, minimum_rows=200),
        learner=LearnerChoice(name=learner),
        training=TrainingRule(maximum_rows=800, minimum_rows=200),
    )
