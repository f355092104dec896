"""How late a model's labels come, learned from those that came.

Why learned beside the delay that a spec expects: what is expected is a guess on the first day, and it is
this that shows a feed of labels which has fallen behind.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

GENERATION = 5_000
"""Delays are those of the newest 5,000 to 10,000 labels."""
FLOOR_S, STEP, BINS = 1.0, 1.2, 104
"""Bins that grow by a fifth, from a second to five years: a quantile is right to within 10 %."""
QUANTILES = (0.5, 0.9, 0.99)
_NAMES = tuple(f"label_delay_p{share * 100:.0f}_seconds" for share in QUANTILES)


class LabelDelays:
    """A function of the labelled rows alone, however frames cut them.

    >>> delays = LabelDelays()
    >>> delays.push(np.array([60_000] * 99 + [3_600_000]))
    >>> {name: round(seconds) for name, seconds in delays.metrics().items()}
    {'label_delay_p50_seconds': 60, 'label_delay_p90_seconds': 60, 'label_delay_p99_seconds': 60}
    """

    def __init__(self) -> None:
        self._now, self._before = np.zeros(BINS, np.int16), np.zeros(BINS, np.int16)

    def push(self, delays_ms: Ints) -> None:
        """Rows that got their label, by milliseconds from prediction to label."""
        seconds = np.maximum(delays_ms / 1000, FLOOR_S)
        bins = np.minimum(np.ceil(np.log(seconds / FLOOR_S) / np.log(STEP)).astype(np.int64), BINS - 1)
        while len(bins):
            room = GENERATION - int(self._now.sum())
            self._now += np.bincount(bins[:room], minlength=BINS).astype(np.int16)
            bins = bins[room:]
            if self._now.sum() == GENERATION:
                self._before, self._now = self._now, np.zeros(BINS, np.int16)

    def quantile(self, share: float) -> float | None:
        """Seconds within which this share of the labels came; None before the first."""
        return next(iter(self._quantiles([share])), None)

    def _quantiles(self, shares: Sequence[float]) -> list[float]:
        sums = np.cumsum(self._now + self._before)
        total = int(sums[-1])
        places = sums.searchsorted([share * total for share in shares]).tolist() if total else []
        return [float(FLOOR_S * STEP ** (place - 0.5)) if place else 0.0 for place in places]

    def metrics(self) -> dict[str, float]:
        """As they are published: `label_delay_p50_seconds` and so on; {} before the first label."""
        return dict(zip(_NAMES, self._quantiles(QUANTILES), strict=False))

    def snapshot(self) -> dict[str, Any]:
        """All that rows have left behind."""
        return {"now": self._now.tolist(), "before": self._before.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        self._now, self._before = (np.array(state[name], np.int16) for name in ("now", "before"))
