"""The compiled loops over the rows of a frame. All sums are of whole numbers: what they give is what numpy gives."""

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftloop.cores.compiled import compiled
from driftloop.statistics.steps import FARTHEST

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Ints = NDArray[np.int64]

UNSURE = 255
_FARTHEST = float(FARTHEST)
_NO_STEP = -(1 << 31)
"""What numpy makes of a number that is none: an infinite one of a column that does not vary."""

_VALUES, _TABLE = (types.Array(kind, 1, "C", readonly=True) for kind in (types.float64, types.uint8))
_CODES, _INTS = types.Array(types.int32, 1, "C"), types.Array(types.int64, 1, "C")
_GIVEN_INTS = types.Array(types.int64, 1, "C", readonly=True)
_GIVEN_CODES = types.Array(types.int32, 2, "C", readonly=True)
_TALLIES = types.Array(types.int64, 2, "C")


@compiled(types.void(_VALUES, types.float64, types.float64, _TABLE, _VALUES, types.int32, types.int32, _CODES, _CODES))
def bin_numbers(
    values: Floats,
    mean: float,
    factor: float,
    bin_of_step: NDArray[np.uint8],
    edges: Floats,
    first: int,
    missing: int,
    codes: Codes,
    steps: Codes,
) -> None:
    """The step of each number, and its bin counted from `first`; one that is missing has bin `missing` and step 0.

    `bin_of_step` tells a step's bin, or that the edges below the number have to be counted.
    """
    for i in range(len(values)):
        value = values[i]
        if value != value:  # noqa: PLR0124 - NaN
            codes[i] = missing
            steps[i] = 0
            continue
        scaled = (value - mean) * factor
        if scaled < -_FARTHEST:
            scaled = -_FARTHEST
        elif scaled > _FARTHEST:
            scaled = _FARTHEST
        if scaled == scaled:  # noqa: PLR0124
            step = np.int64(np.rint(scaled))
            steps[i] = step
            found = np.int64(bin_of_step[step + FARTHEST])
        else:
            steps[i] = _NO_STEP
            found = np.int64(UNSURE)
        if found == UNSURE:
            found = np.int64(0)
            for edge in edges:
                if edge < value:
                    found += 1
        codes[i] = first + found


@compiled(types.void(_GIVEN_CODES, _GIVEN_CODES, _GIVEN_INTS, _GIVEN_INTS, types.int64, _TALLIES))
def count_rows(codes: Codes, steps: Codes, rows: Ints, places: Ints, bins: int, tallies: Ints) -> None:
    """Add rows (of columns × rows) to the tallies at their places, which ascend: bins, sums and sums of squares."""
    columns, count = len(codes), len(rows)
    for column in range(columns):
        at = 0
        while at < count:
            place, total, squares = places[at], np.int64(0), np.int64(0)
            while at < count and places[at] == place:
                row = rows[at]
                tallies[place, codes[column, row]] += 1
                step = np.int64(steps[column, row])
                total += step
                squares += step * step
                at += 1
            tallies[place, bins + column] += total
            tallies[place, bins + columns + column] += squares


@compiled(types.int64(_GIVEN_INTS, _GIVEN_INTS, _GIVEN_INTS, types.int64, _INTS, _INTS))
def add_evidence(losses: Ints, up: Ints, down: Ints, threshold: int, sums: Ints, age: Ints) -> int:
    """Take in losses that are 0 or 1 (`Cusum.take_events`); gives the row that reaches the threshold, or −1."""
    components, rows, reached = len(sums), len(losses), -1
    began = np.full(components, -1, np.int64)
    for row in range(len(losses)):
        if not losses[row]:
            for one in range(components):
                sums[one] = max(sums[one] - down[one], 0)
            continue
        for one in range(components):
            if sums[one] == 0:
                began[one] = row
            sums[one] += up[one]
            if sums[one] >= threshold:
                reached = row
        if reached >= 0:
            rows = row + 1
            break
    for one in range(components):
        age[one] = age[one] + rows if began[one] < 0 else rows - began[one]
        if sums[one] == 0:
            age[one] = 0
    return reached
