"""A learning rate that follows the losses, within bounds."""

from collections import deque

import numpy as np

_WINDOW, _EVIDENCE = 50, 10


class AdaptiveRate:
    """The learning rate, told each row's loss."""

    def __init__(self, rate: float, first: float, *, adaptive: bool) -> None:
        self.rate = rate
        self._first = first
        self._adaptive = adaptive
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._seen = 0

    def learn(self, loss: float) -> None:
        """Take a loss in; every ten rows the newer half of the window is held against the older."""
        self._losses.append(loss)
        self._seen += 1
        if not self._adaptive or len(self._losses) < 2 * _EVIDENCE or self._seen % _EVIDENCE:
            return
        losses = np.array(self._losses)
        older, newer = losses[: len(losses) // 2].mean(), losses[len(losses) // 2 :].mean()
        factor = 0.9 if newer > older else 1.1 if newer < 0.95 * older else 1.0
        self.rate = float(np.clip(self.rate * factor, 0.01 * self._first, 10.0 * self._first))
