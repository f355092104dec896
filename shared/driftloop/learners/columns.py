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


class ColumnCoder(Parameters):
    """Makes the matrix of a model's features.

    `ordinal` (for trees): one column a feature, a category by its place, NaN for missing.
    `standard` (for weights): numbers to mean 0 and variance 1 with 0 for missing, categories one-hot.
    """

    style: Literal["ordinal", "standard"]
    columns: tuple[NumberColumn | CategoryColumn, ...]

    @classmethod
    def fit(cls, style: Literal["ordinal", "standard"], features: Mapping[str, Feature], rows: Rows) -> Self:
        """A coder for `features`, with the moments and categories of `rows`."""
        columns = [
            _fit_number(name, _numbers(rows, name)) if feature.kind == "number" else _fit_category(name, rows)
            for name, feature in features.items()
        ]
        return cls(style=style, columns=tuple(columns))

    def encode(self, rows: Rows) -> Matrix:
        """A float64 matrix, a row each; columns that `rows` lacks count as missing."""
        parts = [block for column in self.columns for block in self._blocks(column, rows)]
        if not parts:
            return np.zeros((len(rows), 0))
        return np.column_stack(parts).astype(np.float64, copy=False)

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        if self.style == "ordinal":
            return len(self.columns)
        return sum(len(c.categories) if isinstance(c, CategoryColumn) else 1 + c.marked for c in self.columns)

    def covers(self, features: Mapping[str, Feature]) -> bool:
        """Whether it was fitted for exactly these features."""
        return [(c.name, c.kind) for c in self.columns] == [(name, f.kind) for name, f in features.items()]

    def _blocks(self, column: NumberColumn | CategoryColumn, rows: Rows) -> list[NDArray[Any]]:
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
