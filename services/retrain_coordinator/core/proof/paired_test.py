"""A bet on which of two versions is better, that may be looked at after every row.

Both versions predict the same rows. The difference of their losses, divided by the loss bound, is
a number d in −1…1. Whoever claims that the mean of d is at most `margin` must accept that the
wealth of a gambler who bets on the opposite does not grow: starting with 1, each row multiplies it by
1 + λ (d − margin). Ville's inequality: under the claim the wealth ever reaches 1 / risk with a
probability of at most `risk`, however often one looks. Several λ bet side by side, because nobody
knows the size of the difference (Waudby-Smith and Ramdas, *Estimating means of bounded random
variables by betting*, 2024; Shafer, *Testing by betting*, 2021).

Rows that hang together are dealt with by tempering: each bettor's wealth is raised to the power
1 / k where `Dependence.inflation` finds that k rows count as one. Because k ≥ 1, that never breaks
the guarantee for independent rows (tempered wealth is at most the larger of wealth and 1), and for
dependent ones it is what a Gaussian argument gives: their variance is k times as large.

The limit: k is learnt from the very rows that are bet on. Where the favour itself wanders with a memory
of thirty rows and more, the first thousand rows do not tell that from a gain, and an equal version is
promoted more often than `risk` (`driftloop bench proof` says how often); the probation that follows
sees it go wrong.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from retrain_coordinator.core.proof.dependence import CHUNK_ROWS, Dependence

Floats = NDArray[np.float64]

_BETS = np.array([0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9])
_WEIGHTS = np.array([0.05, 0.12, 0.3, 0.3, 0.1, 0.06, 0.07])
"""Most of the money is on the bets that suit differences of one to five points, where rows are scarce;
larger ones are proven in a hundred rows by any bet."""
_LOG_WEIGHTS = np.log(_WEIGHTS)
_FIRST_HORIZONS = 16.0
"""Of forecasts, so many horizons of rows count as if each forecast were judged by the truths of all the others made
within its horizon; then what the rows have shown counts ever more."""
_DOUBT_ROWS = 40.0
"""Before a stream has shown how its rows hang together it is doubted: `k` is at least 1 + 40 / rows."""


class PairedTest(BaseModel):
    """The bets against one claim, "the mean of d is at most `margin`", after `rows` rows.

    `log_evidence` is the log of the mixture's wealth now, `peak` its highest so far with the row
    (from 1) at which it was reached. Small and JSON both ways.
    """

    model_config = ConfigDict(frozen=True)

    margin: float = 0.0
    overlap: float = Field(default=1.0, exclude_if=lambda overlap: overlap == 1.0)
    """Of forecasts, how many are made within one horizon: neighbours share their truths."""
    rows: int = 0
    mean: float = 0.0
    log_wealth: tuple[float, ...] = (0.0,) * len(_BETS)
    dependence: Dependence = Dependence()
    log_evidence: float = 0.0
    peak: float = 0.0
    peak_row: int = 0

    def after(self, differences: Floats) -> Self:
        """The test with more rows; how they are cut into calls makes no difference.

        >>> rows = np.tile([0.0, 1.0, 0.0, 0.0], 50)
        >>> PairedTest().after(rows).proven(risk=0.05)
        True
        >>> PairedTest().after(rows[:77]).after(rows[77:]).peak_row == PairedTest().after(rows).peak_row
        True
        """
        if not len(differences):
            return self
        values = np.clip(differences, -1.0, 1.0)
        dependence, inflations = self.dependence.after(values)
        gains = np.log1p(np.outer(values - self.margin, _BETS / (1.0 + abs(self.margin))))
        wealth = np.array(self.log_wealth) + np.cumsum(gains, axis=0)
        evidence = _log_sum(_LOG_WEIGHTS + wealth / self._tempering(inflations, len(values))[:, None])
        best = int(np.argmax(evidence))
        higher = evidence[best] > self.peak
        rows = self.rows + len(values)
        return self.model_copy(
            update={
                "rows": rows,
                "mean": self.mean + float(np.sum(values - self.mean)) / rows,
                "log_wealth": tuple(wealth[-1].tolist()),
                "dependence": dependence,
                "log_evidence": float(evidence[-1]),
                "peak": float(evidence[best]) if higher else self.peak,
                "peak_row": self.rows + best + 1 if higher else self.peak_row,
            }
        )

    def corrected(self, before: Floats, now: Floats) -> Self:
        """The test as it stands where some of its rows had the differences `now` in place of `before`.

        Wealth is a product over the rows, so a corrected row's factor is taken out and the new one put in:
        the wealth is then that of the corrected rows. That it once stood higher was by labels that were not
        so, and the peak goes; a proof needs the rows as they are known to be. The bound of the risk is that
        of the corrected rows, where which labels are corrected does not depend on which version they suit.
        What is not learnt anew is how rows hang together, and the variance.

        >>> proven = PairedTest().after(np.tile([0.0, 1.0, 0.0, 0.0], 50))
        >>> proven.corrected(np.ones(50), np.zeros(50)).proven(risk=0.05)
        False
        """
        old, new = np.clip(before, -1.0, 1.0), np.clip(now, -1.0, 1.0)
        changed = old != new
        if not changed.any():
            return self
        bets = _BETS / (1.0 + abs(self.margin))
        factors = [np.log1p(np.outer(values[changed] - self.margin, bets)).sum(axis=0) for values in (old, new)]
        wealth = np.array(self.log_wealth) - factors[0] + factors[1]
        tempered = wealth / max(self.inflation, 1.0 + _DOUBT_ROWS / max(self.rows, 1))
        evidence = float(_log_sum((_LOG_WEIGHTS + tempered)[None, :])[0])
        return self.model_copy(
            update={
                "mean": self.mean + float(np.sum(new - old)) / max(self.rows, 1),
                "log_wealth": tuple(wealth.tolist()),
                "log_evidence": evidence,
                "peak": evidence,
                "peak_row": self.rows,
            }
        )

    def hedged(self) -> Self:
        """The test as if half the stake had been kept back until now.

        The wealth is the mean of that of a gambler who bet on all rows so far and of one who begins
        here, so it is a fair game still: rows that spoke against the bet cost half the stake at most.
        How rows hang together is learnt anew: what follows is another model's.

        >>> lost = PairedTest().after(np.full(200, -0.5)).hedged()
        >>> lost.log_evidence > -0.7 and lost.after(np.full(100, 0.5)).proven(risk=0.05)
        True
        """
        tempered = np.array(self.log_wealth) / max(self.inflation, 1.0 + _DOUBT_ROWS / max(self.rows, 1))
        wealth = np.logaddexp(0.0, tempered) - np.log(2.0)
        return self.model_copy(
            update={
                "log_wealth": tuple(wealth.tolist()),
                "dependence": Dependence(),
                "log_evidence": float(_log_sum((_LOG_WEIGHTS + wealth)[None, :])[0]),
                "peak": float(np.logaddexp(0.0, self.peak) - np.log(2.0)),
            }
        )

    def looked_anew(self) -> Self:
        """The test as it stands: that it once stood higher no longer counts.

        Wealth at a moment that the rows did not choose bounds the risk as its peak does, and asks for more.

        >>> faded = PairedTest().after(np.tile([1.0, 0.0], 100)).after(np.tile([-1.0, 0.0], 150))
        >>> faded.proven(risk=0.05), faded.looked_anew().proven(risk=0.05)
        (True, False)
        """
        return self.model_copy(update={"peak": self.log_evidence, "peak_row": self.rows})

    def _tempering(self, inflations: Floats, rows: int) -> Floats:
        """The power by which wealth is tempered at each of the next rows: what the chunks before it have shown."""
        numbers = np.arange(self.rows + 1, self.rows + rows + 1)
        known = np.concatenate([[self.dependence.inflation], inflations])
        chunks_since = (len(self.dependence.waiting) + np.arange(rows)) // CHUNK_ROWS
        tempering: Floats = np.maximum(known[chunks_since], 1.0 + _DOUBT_ROWS / numbers)
        if self.overlap > 1:
            seen = self.dependence.chunks * CHUNK_ROWS + len(self.dependence.waiting) + np.arange(1, rows + 1)
            return np.maximum(tempering, self._shared(seen))
        return tempering

    def _shared(self, seen: Floats | NDArray[np.intp]) -> Floats:
        """Rows that count as one for what forecasts share, until as many were seen as tell how much that is."""
        share = np.minimum(1.0, _FIRST_HORIZONS * self.overlap / np.maximum(seen, 1))
        return np.asarray(1.0 + (self.overlap - 1.0) * share, dtype=np.float64)

    @property
    def inflation(self) -> float:
        """Rows that count as one."""
        if self.overlap == 1:
            return self.dependence.inflation
        seen = np.array([self.dependence.chunks * CHUNK_ROWS + len(self.dependence.waiting)])
        return max(self.dependence.inflation, float(self._shared(seen)[0]))

    @property
    def variance(self) -> float:
        """The variance of d over the whole chunks of rows so far; 0 before the first."""
        return self.dependence.variance

    def proven(self, risk: float) -> bool:
        """Whether the claim was refuted at any row so far, at that risk of being wrong."""
        return self.peak >= float(np.log(1.0 + 1.0 / risk))


def _log_sum(logs: Floats) -> Floats:
    top = logs.max(axis=1)
    total: Floats = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return total
