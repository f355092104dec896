"""Declared features that most rows of a model lack: of one that a producer renamed nothing else tells.

Missing values are counted feature by feature. Why not together: in a model with three hundred features of which each
is missing in 2 % of the rows, a row lacks six, and no sum of them tells that from a name that never comes. What a
feature's share must exceed a half by grows with the number of features and falls with the rows (Hoeffding's
inequality over all features), so a few rows that lack something by chance say nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_ROWS = 2_000
"""With more, the older half is let go: what the producer sends now is what counts."""
_RISK = 1e-9
"""Of a word about any feature, at a look, where no feature is missing in more than half of what comes."""


class AbsentFeatures:
    """How often each declared feature of a model was missing in the newest rows that were framed here.

    >>> seen = AbsentFeatures()
    >>> for _ in range(10):
    ...     seen.after(("speed", "rate"), [1, 9], rows=10)
    >>> seen.names
    ('rate',)
    """

    def __init__(self) -> None:
        self._seen: tuple[tuple[str, ...], float, NDArray[np.float64]] = ((), 0.0, np.zeros(0))

    def after(self, features: Sequence[str], missing: Sequence[int], rows: int) -> None:
        """Count the rows of a frame; `missing` has how many of them lack each feature. Other features begin anew."""
        names, before, lacked = self._seen
        if names != tuple(features):
            names, before, lacked = tuple(features), 0.0, np.zeros(len(features))
        counted, lacked = before + rows, lacked + np.asarray(missing, dtype=np.float64)
        if counted > _MOST_ROWS:
            kept = _MOST_ROWS / 2 / counted
            counted, lacked = counted * kept, lacked * kept
        self._seen = (names, counted, lacked)  # at once: the metrics read it from another thread

    @property
    def names(self) -> tuple[str, ...]:
        """The features that more than half of the rows lack, as far as so many rows can tell of so many features."""
        names, rows, lacked = self._seen
        if not names or not rows:
            return ()
        margin = np.sqrt(np.log(len(names) / _RISK) / (2.0 * rows))
        return tuple(names[place] for place in np.flatnonzero(lacked / rows > 0.5 + margin))
