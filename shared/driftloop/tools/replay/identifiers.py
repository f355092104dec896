"""Which columns say nothing that a model could learn: names of rows, constants, counters; each with its reason."""

import re

import numpy as np
from numpy.typing import NDArray

from driftloop.tools.replay.table import Column, Table, missing

_CALLED_ID = re.compile(
    r"(?i:(^|[^a-z])(id|uid|uuid|guid|key|nr|no|num|number|code|index|idx|row_name)([^a-z]|$))|[a-z](Id|ID|Key|Nr|No)$"
)
_NEARLY_ALL = 0.95
_EXPECTED_REPEATS = 10.0
"""So many equal pairs chance would make; that there are none is no chance."""
_LEAST_ROWS = 30


def why_useless(table: Table, name: str) -> str | None:
    """Why a column is left out as a feature, in a few words; None where it may be learnt from."""
    column = table.columns[name]
    there = column[~missing(column)]
    if not len(there):
        return "it has no value"
    if table.is_number(name):
        return _why_useless_number(name, np.asarray(there, dtype=np.float64), len(column))
    distinct = len(set(there.tolist())) + (len(there) < len(column))
    if distinct <= 1:
        return "it has one value only"
    if distinct > len(column) / 2:
        return "it names rows: nearly every row has a text of its own"
    return None


def _why_useless_number(name: str, there: NDArray[np.float64], rows: int) -> str | None:
    distinct = len(np.unique(there))
    if distinct == 1 and len(there) == rows:
        return "it has one value only"
    falls = int(np.count_nonzero(np.diff(there) < 0))
    if distinct > min(100, rows / 2) and falls <= rows / 1000:
        return "it hardly ever falls: it counts rows or tells the time"
    if names_rows(name, there):
        return "it names rows: a whole number of its own in each"
    return None


def names_rows(name: str, numbers: Column) -> bool:
    """Whether whole numbers are identifiers: so many, and never the same twice.

    By its name a column needs nearly a number of its own for each row. By its values alone it must be that
    chance would have repeated some: n draws out of a range of r make about n² / 2r equal pairs.

    >>> names_rows("x", np.random.default_rng(0).permutation(500) + 70_000.0)
    True
    >>> names_rows("x", np.random.default_rng(0).integers(0, 500, 500).astype(float))
    False
    """
    count = len(numbers)
    if count < _LEAST_ROWS or not np.all(numbers == np.floor(numbers)):
        return False
    distinct = len(np.unique(numbers))
    if _CALLED_ID.search(name) and distinct >= _NEARLY_ALL * count:
        return True
    expected = count * (count - 1) / (2 * (np.ptp(numbers) + 1))
    return distinct == count and bool(expected >= _EXPECTED_REPEATS)
