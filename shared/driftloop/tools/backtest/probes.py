"""What the cheap models of a stream lose: fresh ones by window, and the champions' twins."""

from dataclasses import dataclass, field

import numpy as np

from driftloop.learners.probe import TWINS, Probe, refit_rows
from driftloop.tools.backtest.fits import Fits
from driftloop.tools.backtest.table import Fit, Floats, LossTable

Probed = tuple[int, int, int]
"""A fresh probe: the first row it learns, the row after the last, and the row until which it is measured."""


@dataclass(slots=True)
class Probes:
    """Probes of a table's stream: fitted anew every so many labelled rows, once, for all policies."""

    table: LossTable
    every: int = 0
    _fits: Fits = field(init=False)
    _fresh: dict[int, Floats] = field(default_factory=dict)
    _twins: dict[Fit, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stream = self.table.fits.stream
        self.every = self.every or refit_rows(self.table.layout.windows)
        self._fits = Fits(stream, "probe", Probe(stream.spec), self.table.fits.folder)

    def fresh(self, window: int, first: int, last: int) -> Floats:
        """What the newest probes of the last `window` rows lose on rows `first` … `last` - 1."""
        known = self._fresh.setdefault(window, np.full(len(self.table.fits.stream.rows), np.nan))
        origin = self.table.layout.first
        for end in range(first - (first - origin) % self.every, last, self.every):
            if np.isnan(known[end]):
                until = min(end + self.every, len(known))
                known[end:until] = self._fits.get(max(0, end - window), end, until=until).losses
        return known[first:last]

    def foreseen(self) -> list[Probed]:
        """The fresh probes that a stream can need, whatever is decided."""
        table = self.table
        rows, labelled = len(table.fits.stream.rows), table.labelled(table.blocks - 1)
        ends = range(table.layout.first, labelled, self.every)
        return [
            (max(0, end - window), end, min(end + self.every, rows)) for end in ends for window in table.layout.windows
        ]

    def has(self, probe: Probed) -> bool:
        """Whether it has been fitted before."""
        start, end, until = probe
        return self._fits.has(start, end, until=until)

    def make(self, probe: Probed) -> float:
        """Fit it and keep it on disk only; the processor seconds that it took."""
        start, end, until = probe
        return self._fits.fresh(start, end, until=until).seconds

    def spent(self, seconds: float) -> None:
        """Count what other processes have taken for probes."""
        self._fits.seconds += seconds

    def twin(self, model: Fit, first: int, last: int) -> Floats:
        """The mean of what the twins of `model` lose on rows `first` … `last` - 1."""
        if model not in self._twins:
            every = [self._fits.get(model.start, model.end, seed=seed).losses for seed in range(TWINS)]
            self._twins[model] = np.asarray(np.mean(every, axis=0, dtype=np.float64))
        return self._twins[model][first - model.end : last - model.end]

    @property
    def seconds(self) -> float:
        """Processor seconds that fitting probes has taken."""
        return self._fits.seconds
