"""From named columns to one matrix, and back to JSON: fitted once on training rows, kept with the model."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.parameters import Parameters
from driftloop.learners.protocol import Column, Rows
from driftloop.spec.model_spec import Feature
from driftloop.spec.numbers import LARGEST
from driftloop.spec.vectors import vectors_of

Matrix = NDArray[np.float64]
MAXIMUM_CATEGORIES = 64
"""The most frequent categories of a column are told apart; the others count as missing."""
FARTHEST = 1e6
"""A standardised number is at most this far from 0, in fitting as in predicting: one that is farther than any row
that was learnt from must not overflow what weights are multiplied with."""


class NumberColumn(Parameters):
    """A numeric column: standardised by `mean` and `scale`; `marked` adds a column that says "missing"."""

    kind: Literal["number"] = "number"
    name: str
    mean: float = 0.0
    scale: float = 1.0
    marked: bool = False


class CategoryColumn(Parameters):
    """A column of categories; one that is not among `categories` counts as missing."""

    kind: Literal["category"] = "category"
    name: str
    categories: tuple[str, ...]


class VectorColumn(Parameters):
    """A vector: `width` numeric columns, standardised together by `mean` and `scale`."""

    kind: Literal["vector"] = "vector"
    name: str
    width: int
    mean: float = 0.0
    scale: float = 1.0


class ColumnCoder(Parameters):
    """Makes the matrix of a model's features.

    `ordinal` (for trees): one column a feature, a category by its place, NaN for missing.
    `standard` (for weights): numbers to mean 0 and variance 1 with 0 for missing, categories one-hot.
    """

    style: Literal["ordinal", "standard"]
    columns: tuple[NumberColumn | CategoryColumn | VectorColumn, ...]

    @classmethod
    def fit(cls, style: Literal["ordinal", "standard"], features: Mapping[str, Feature], rows: Rows) -> Self:
        """A coder for `features`, with the moments and categories of `rows`; raises ValueError for a text."""
        return cls(style=style, columns=tuple(_fit(name, feature, rows) for name, feature in features.items()))

    def encode(self, rows: Rows) -> Matrix:
        """A float64 matrix, a row each; columns that `rows` lacks count as missing."""
        parts = [block for column in self.columns for block in self._blocks(column, rows)]
        if not parts:
            return np.zeros((len(rows), 0))
        return np.column_stack(parts).astype(np.float64, copy=False)

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return sum(self._width(column) for column in self.columns)

    def _width(self, column: NumberColumn | CategoryColumn | VectorColumn) -> int:
        if isinstance(column, VectorColumn):
            return column.width
        if self.style == "ordinal":
            return 1
        return len(column.categories) if isinstance(column, CategoryColumn) else 1 + column.marked

    def covers(self, features: Mapping[str, Feature]) -> bool:
        """Whether it was fitted for exactly these features."""
        return [(c.name, c.kind) for c in self.columns] == [(name, f.kind) for name, f in features.items()]

    def _blocks(self, column: NumberColumn | CategoryColumn | VectorColumn, rows: Rows) -> list[NDArray[Any]]:
        if isinstance(column, VectorColumn):
            return [_vector_block(column, rows, standard=self.style == "standard")]
        if isinstance(column, CategoryColumn):
            codes = _codes(column, rows)
            if self.style == "ordinal":
                return [codes]
            return [(codes == place).astype(np.float64) for place in range(len(column.categories))]
        values = _numbers(rows, column.name)
        if self.style == "ordinal":
            return [values]
        missing = np.isnan(values)
        standard = np.where(missing, 0.0, np.clip((values - column.mean) / column.scale, -FARTHEST, FARTHEST))
        return [standard, missing.astype(np.float64)] if column.marked else [standard]


def _fit(name: str, feature: Feature, rows: Rows) -> NumberColumn | CategoryColumn | VectorColumn:
    if feature.kind == "text":
        raise ValueError(f"feature {name} is a text, which this learner cannot read: choose learner lora-text")
    if feature.kind == "vector":
        known = _vectors(rows, name, feature.width or 0)
        known = known[~np.isnan(known)]
        scale = float(np.std(known)) if len(known) else 0.0
        mean = float(np.mean(known)) if len(known) else 0.0
        return VectorColumn(name=name, width=feature.width or 0, mean=mean, scale=scale if scale > 0 else 1.0)
    return _fit_number(name, _numbers(rows, name)) if feature.kind == "number" else _fit_category(name, rows)


def _vectors(rows: Rows, name: str, width: int) -> Matrix:
    column = rows.features.get(name)
    if column is None or column.dtype != object:
        return np.full((len(rows), width), np.nan)
    return vectors_of(column, width).astype(np.float64)


def _vector_block(column: VectorColumn, rows: Rows, *, standard: bool) -> Matrix:
    values = _vectors(rows, column.name, column.width)
    if not standard:
        return values
    return np.where(np.isnan(values), 0.0, np.clip((values - column.mean) / column.scale, -FARTHEST, FARTHEST))


def _numbers(rows: Rows, name: str) -> Matrix:
    column = rows.features.get(name)
    if column is None:
        return np.full(len(rows), np.nan)
    try:
        values = np.asarray(column, dtype=np.float64)
    except (ValueError, TypeError):  # text: the spec has made a category of it since
        return np.full(len(rows), np.nan)
    return np.where(np.abs(values) <= LARGEST, values, np.nan)


def _fit_number(name: str, values: Matrix) -> NumberColumn:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return NumberColumn(name=name)
    mean, scale = float(np.mean(known)), float(np.std(known))
    flat = not np.isfinite(scale) or scale <= 1e-12 * max(1.0, abs(mean))
    return NumberColumn(name=name, mean=mean, scale=1.0 if flat else scale, marked=len(known) < len(values))


def _categories_of(rows: Rows, name: str) -> Column:
    column = rows.features.get(name)
    return np.full(len(rows), None, dtype=object) if column is None or column.dtype != object else column


def _fit_category(name: str, rows: Rows) -> CategoryColumn:
    counts = Counter(value for value in _categories_of(rows, name) if value is not None)
    kept = sorted(counts, key=lambda value: (-counts[value], value))[:MAXIMUM_CATEGORIES]
    return CategoryColumn(name=name, categories=tuple(sorted(kept)))


def _codes(column: CategoryColumn, rows: Rows) -> Matrix:
    places = {category: float(place) for place, category in enumerate(column.categories)}
    return np.array([places.get(value, np.nan) for value in _categories_of(rows, column.name)], dtype=np.float64)
