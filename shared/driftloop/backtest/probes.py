"""What the cheap models of a stream lose: fresh ones by window, and the champions' twins."""

from dataclasses import dataclass, field

import numpy as np

from driftloop.backtest.fits import Fits
from driftloop.backtest.table import Fit, Floats, LossTable
from driftloop.learners.probe import TWINS, Probe, refit_rows


@dataclass(slots=True)
class Probes:
    """Probes of a table's stream: fitted anew every so many labelled rows, once, for all policies."""

    table: LossTable
    every: int = 0
    _fits: Fits = field(init=False)
    _fresh: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stream = self.table.fits.stream
        self.every = self.every or refit_rows(self.table.layout.windows)
        self._fits = Fits(stream, "probe", Probe(stream.spec))

    def fresh(self, window: int, first: int, last: int) -> Floats:
        """What the newest probes of the last `window` rows lose on rows `first` … `last` - 1."""
        parts, at = [], first
        while at < last:
            end = at - (at - self.table.layout.first) % self.every
            losses = self._of(window, end)
            until = min(last, end + self.every)
            parts.append(losses[at - end : until - end])
            at = until
        return np.concatenate(parts)

    def twin(self, model: Fit, first: int, last: int) -> Floats:
        """The mean of what the twins of `model` lose on rows `first` … `last` - 1."""
        every = [self._fits.get(model.start, model.end, seed=seed).on(first, last) for seed in range(TWINS)]
        return np.asarray(np.mean(every, axis=0, dtype=np.float64))

    @property
    def seconds(self) -> float:
        """Processor seconds that fitting probes has taken."""
        return self._fits.seconds

    def _of(self, window: int, end: int) -> Floats:
        key = (window, end)
        if key not in self._fresh:
            until = min(end + self.every, len(self.table.fits.stream.rows))
            start = max(0, end - window)
            self._fresh[key] = self._fits.get(start, end, until=until).losses.astype(np.float64)
        return self._fresh[key]
