"""Columns for the windows benchmark: five kinds that do not drift, and five ways to shift one."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

Floats = NDArray[np.float64]
Column = NDArray[Any]

WEEK = 1680
"""Rows in a week of the seasonal column: one every six minutes."""
LEVELS = np.array([f"c{level:02d}" for level in range(50)], dtype=object)


def stationary(kind: str, rows: int, rng: np.random.Generator, start: int = 0) -> Column:
    """A column that does not drift; `start` is its first row's place in the week."""
    if kind == "normal":
        return rng.normal(size=rows)
    if kind == "log-normal":
        return rng.lognormal(size=rows)
    if kind == "t3":
        return rng.standard_t(3, size=rows)
    if kind == "categorical":
        return LEVELS[rng.integers(0, len(LEVELS), rows)]
    place = (start + np.arange(rows)) / WEEK * 2 * np.pi
    return np.sin(7 * place) + 0.5 * np.sin(place) + rng.normal(size=rows)


KINDS = ("normal", "log-normal", "t3", "categorical", "weekly season")

Shift = Callable[[float, int, np.random.Generator], Column]


def _mean(size: float, rows: int, rng: np.random.Generator) -> Column:
    return rng.normal(size=rows) + size


def _variance(size: float, rows: int, rng: np.random.Generator) -> Column:
    return rng.normal(size=rows) * (1 + size)


def _shape(size: float, rows: int, rng: np.random.Generator) -> Column:
    """From normal towards two humps of the same mean and variance."""
    humps = np.where(rng.random(rows) < 0.5, -0.95, 0.95) + 0.31 * rng.normal(size=rows)
    return np.where(rng.random(rows) < size, humps, rng.normal(size=rows))


def _share(size: float, rows: int, rng: np.random.Generator) -> Column:
    """Ten categories; one of them takes `size` more of the rows, from all."""
    return np.where(rng.random(rows) < size, "c00", LEVELS[rng.integers(0, 10, rows)]).astype(object)


def _missing(size: float, rows: int, rng: np.random.Generator) -> Column:
    return np.where(rng.random(rows) < 0.02 + size, np.nan, rng.normal(size=rows))


SHIFTS: Mapping[str, Shift] = {
    "mean": _mean,
    "variance": _variance,
    "shape": _shape,
    "category share": _share,
    "missing share": _missing,
}


def size_found_half_of_the_time(shift: Shift, rows: int = 1000, runs: int = 60) -> float:
    """The size of a shift that a KS test at 0.05 between two samples of `rows` rows finds in half of the runs."""
    low, high = 0.0, 1.0
    for _ in range(9):
        size = (low + high) / 2
        found = sum(_ks_finds(shift, size, rows, seed) for seed in range(runs))
        low, high = (size, high) if found < runs / 2 else (low, size)
    return round((low + high) / 2, 4)


def _ks_finds(shift: Shift, size: float, rows: int, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    pair = [as_numbers(shift(0.0, rows, rng)), as_numbers(shift(size, rows, rng))]
    return bool(ks_2samp(*pair, method="asymp").pvalue < 0.05)


def as_numbers(column: Column) -> Floats:
    """A column as a KS test can take it: categories by their code, missing values far out."""
    if column.dtype == object:
        return np.array([float(value[1:]) for value in column])
    return np.nan_to_num(column, nan=99.0)
