"""Is there a version already that does now what a new one would? Tried before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEWEST_ROWS = 100
"""Rows that candidates are judged on where the request does not say how many are fresh."""
MOST_ROWS = 500
FEWEST_ROWS = 20
_CERTAINTY = 3.0
"""Standard errors by which a candidate must be better than the champion."""
_SLACK = 1.25
"""A candidate is itself again where it loses at most this many times what it lost when it was new."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate's losses on the newest rows, and what it lost on held-out rows when it was new."""

    losses: Floats
    when_new: float | None


def judged_rows(unseen: NDArray[np.bool_], pseudo: NDArray[np.bool_], fresh_rows: int | None) -> NDArray[np.intp]:
    """The newest rows that the champion has not learnt and whose labels are true: the fresh ones, or 100."""
    usable = np.flatnonzero(unseen & ~pseudo)
    return usable[-min(fresh_rows or NEWEST_ROWS, MOST_ROWS) :]


def choose(champion: Floats, tried: Mapping[str, Tried]) -> str | None:
    """The candidate that is clearly better than the champion and does what it did when it was new.

    The second is what tells a concept that has come back from a new one that an old version happens
    to suit a little better: for that one, training pays.

    >>> now = np.zeros(100)
    >>> choose(np.tile([1.0, 0.0], 50), {"1.0.0": Tried(now, when_new=0.05), "1.0.1": Tried(now + 0.3, 0.05)})
    '1.0.0'
    """
    fit = {version: found for version, found in tried.items() if _stands_out(champion, found) and _itself(found)}
    return min(fit, key=lambda version: (float(fit[version].losses.mean()), version), default=None)


def _stands_out(champion: Floats, tried: Tried) -> bool:
    gains = champion - tried.losses
    if len(gains) < FEWEST_ROWS:
        return False
    error = float(gains.std(ddof=1)) / np.sqrt(len(gains))
    return bool(gains.mean() > _CERTAINTY * error)


def _itself(tried: Tried) -> bool:
    if tried.when_new is None:
        return False
    error = float(tried.losses.std(ddof=1)) / np.sqrt(len(tried.losses))
    return bool(tried.losses.mean() <= _SLACK * tried.when_new + 2.0 * error)
