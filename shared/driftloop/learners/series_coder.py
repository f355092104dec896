"""What a forecaster sees of rows: series, numbers and categories in standard units, the hour, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from driftloop.learners.protocol import Column, Rows
from driftloop.spec.forecast import feature_steps
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.numbers import LARGEST

Floats = NDArray[np.float64]
_DAY_MS, _WEEK_MS = 86_400_000.0, 7 * 86_400_000.0
_KNOWN_WEEKS = 2
"""The hour of the week is an input only where the rows span so many: of one week, each of its hours was seen once."""
_FARTHEST = 20.0
"""In standard units: what lies beyond says no more than this."""


class Scale(BaseModel):
    """Mean and spread of a column when it was learnt."""

    model_config = ConfigDict(frozen=True)

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Of the values that are known; a column that never changes has spread 1."""
        known = values[np.abs(values) <= LARGEST]
        spread = float(known.std()) if len(known) else 0.0
        return cls(mean=float(known.mean()) if len(known) else 0.0, spread=spread if spread > 1e-9 else 1.0)

    def units(self, values: Floats) -> Floats:
        """Values in standard units; NaN stays, and what no float32 holds is NaN."""
        known = np.where(np.abs(values) <= LARGEST, values, np.nan)
        return np.clip((known - self.mean) / self.spread, -_FARTHEST, _FARTHEST)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows as arrays: `past` rows × encoder steps × inputs, `future` rows × horizon × inputs, `static` rows × inputs,
    `entities` one code a category feature."""

    past: Floats
    future: Floats
    static: Floats
    entities: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.static)


class SeriesCoder(BaseModel):
    """Fitted on the rows of the first fit, kept with the model: an update sees the same space."""

    model_config = ConfigDict(frozen=True)

    horizon: int
    step_ms: float
    encoder_steps: int
    past: tuple[tuple[str, Scale], ...]
    future: tuple[tuple[str, Scale], ...]
    numbers: tuple[tuple[str, Scale], ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    target: Scale
    week: bool = False
    """Whether the hour of the week is an input beside that of the day."""

    @classmethod
    def fit(cls, spec: ModelSpec, rows: Rows, labels: Floats) -> Self:
        """The coder of some rows."""
        rule = spec.forecast
        assert rule is not None
        spans: dict[str, list[tuple[str, Scale]]] = {"past": [], "horizon": [], "number": []}
        categories = []
        for name, feature in spec.features.items():
            if feature.kind == "category":
                categories.append((name, tuple(sorted({one for one in rows.features[name] if one is not None}))))
            else:
                place = feature.span if feature.kind == "series" else "number"
                spans[place].append((name, Scale.of(np.asarray(rows.features[name], dtype=np.float64))))
        return cls(
            horizon=rule.horizon,
            step_ms=1000 * rule.step_seconds,
            encoder_steps=rule.encoder_steps,
            past=tuple(spans["past"]),
            future=tuple(spans["horizon"]),
            numbers=tuple(spans["number"]),
            categories=tuple(categories),
            target=Scale.of(labels),
            week=rows.at is not None and float(np.ptp(rows.at)) >= _KNOWN_WEEKS * _WEEK_MS,
        )

    @property
    def past_sizes(self) -> tuple[int, ...]:
        """Inputs of each variable of the past: of a series its value and whether it is known, of the moment its
        place in the day (and the week), on a circle."""
        return (*(2 for _ in self.past), 2 + 2 * self.week)

    @property
    def future_sizes(self) -> tuple[int, ...]:
        """The same of the horizon."""
        return (*(2 for _ in self.future), 2 + 2 * self.week)

    def fits(self, spec: ModelSpec) -> bool:
        """Whether a model of this coder can go on under a spec."""
        rule = spec.forecast
        if rule is None:
            return False
        kinds = {"past": self.past, "horizon": self.future, "number": self.numbers, "category": self.categories}
        known = {name: kind for kind, columns in kinds.items() for name, _ in columns}
        asked = {name: f.span if f.kind == "series" else f.kind for name, f in spec.features.items()}
        steps = (self.horizon, self.encoder_steps, self.step_ms)
        return known == asked and steps == (rule.horizon, rule.encoder_steps, 1000 * rule.step_seconds)

    def with_entities(self, rows: Rows) -> Self:
        """The coder with the categories that are new in some rows after those that it knows."""
        found = []
        for name, known in self.categories:
            new = sorted({one for one in rows.features[name] if one is not None} - {*known})
            found.append((name, (*known, *new)))
        return self.model_copy(update={"categories": tuple(found)})

    def encode(self, spec: ModelSpec, rows: Rows) -> Encoded:
        """Rows as a network takes them in; a column that is not there is missing in every row."""
        count = len(rows)
        at = np.zeros(count, np.int64) if rows.at is None else rows.at  # nobody said when: the same hour for all
        past_steps: Floats = np.arange(1 - self.encoder_steps, 1, dtype=np.float64) * self.step_ms
        future_steps: Floats = np.arange(1, self.horizon + 1, dtype=np.float64) * self.step_ms
        series = {
            name: _column(rows.features, name, (count, feature_steps(spec, name)))
            for name, _ in (*self.past, *self.future)
        }
        numbers = [scale.units(_column(rows.features, name, (count,))) for name, scale in self.numbers]
        return Encoded(
            _inputs([scale.units(series[name]) for name, scale in self.past], self._moments(at, past_steps)),
            _inputs([scale.units(series[name]) for name, scale in self.future], self._moments(at, future_steps)),
            _inputs(numbers, []) if numbers else np.zeros((count, 0)),
            self._codes(rows),
        )

    def _moments(self, at: NDArray[np.int64], steps: Floats) -> list[Floats]:
        moments = at[:, None] + steps[None, :]
        angles = [2 * np.pi * (moments % span) / span for span in ((_DAY_MS, _WEEK_MS) if self.week else (_DAY_MS,))]
        return [wave(angle) for angle in angles for wave in (np.sin, np.cos)]

    def _codes(self, rows: Rows) -> NDArray[np.int64]:
        """0 for a category that is missing or was never seen: the servers that nobody knows share one place."""
        codes = np.zeros((len(rows), len(self.categories)), np.int64)
        for place, (name, known) in enumerate(self.categories):
            places = {one: number for number, one in enumerate(known, start=1)}
            if name in rows.features:
                codes[:, place] = [places.get(one, 0) for one in rows.features[name]]
        return codes


def _column(features: Mapping[str, Column], name: str, shape: tuple[int, ...]) -> Floats:
    given = features.get(name)
    if given is None or np.shape(given) != shape:
        return np.full(shape, np.nan)
    return np.asarray(given, dtype=np.float64)


def _inputs(columns: list[Floats], moments: list[Floats]) -> Floats:
    """Each column as a value (0 where it is missing) and whether it is there, then the moments, along a last axis."""
    parts = [part for column in columns for part in (np.nan_to_num(column, nan=0.0), ~np.isnan(column))]
    parts += moments
    return np.stack(parts, axis=-1).astype(np.float64)
