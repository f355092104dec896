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
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from retrain_coordinator.core.dependence import Dependence

Floats = NDArray[np.float64]

CHUNK_ROWS = 32
"""`k` is estimated anew after each so many rows, counted from the first: never by frame."""

_BETS = np.array([0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9])
_WEIGHTS = np.array([0.05, 0.12, 0.3, 0.3, 0.1, 0.06, 0.07])
"""Most of the money is on the bets that suit differences of one to five points, where rows are scarce;
larger ones are proven in a hundred rows by any bet."""
_LOG_WEIGHTS = np.log(_WEIGHTS)
_DOUBT_ROWS = 60.0
"""Before a stream has shown how its rows hang together it is doubted: `k` is at least 1 + 60 / rows."""


class PairedTest(BaseModel):
    """The bets against one claim, "the mean of d is at most `margin`", after `rows` rows.

    `log_evidence` is the log of the mixture's wealth now, `peak` its highest so far with the row
    (from 1) at which it was reached. Small and JSON both ways.
    """

    model_config = ConfigDict(frozen=True)

    margin: float = 0.0
    rows: int = 0
    mean: float = 0.0
    log_wealth: tuple[float, ...] = (0.0,) * len(_BETS)
    dependence: Dependence = Dependence()
    inflation: float = 1.0
    log_evidence: float = 0.0
    peak: float = 0.0
    peak_row: int = 0

    def after(self, differences: Floats) -> Self:
        """The test with more rows; how they are cut into calls makes no difference.

        >>> rows = np.tile([0.0, 1.0, 0.0, 0.0], 50)
        >>> PairedTest().after(rows).proven(risk=0.05)
        True
        >>> PairedTest().after(rows[:77]).after(rows[77:]) == PairedTest().after(rows)
        True
        """
        test = self
        values = np.clip(differences, -1.0, 1.0)
        while len(values):
            room = CHUNK_ROWS - test.rows % CHUNK_ROWS
            test, values = test._after_chunk(values[:room]), values[room:]
        return test

    def hedged(self) -> Self:
        """The test as if half the stake had been kept back until now.

        The wealth is the mean of that of a gambler who bet on all rows so far and of one who begins
        here, so it is a fair game still: rows that spoke against the bet cost half the stake at most.

        >>> lost = PairedTest().after(np.full(200, -0.5)).hedged()
        >>> lost.log_evidence > -0.7 and lost.after(np.full(100, 0.5)).proven(risk=0.05)
        True
        """
        wealth = np.logaddexp(0.0, np.array(self.log_wealth)) - np.log(2.0)
        return self.model_copy(
            update={
                "log_wealth": tuple(wealth.tolist()),
                "log_evidence": float(_log_sum((_LOG_WEIGHTS + wealth / self.inflation)[None, :])[0]),
                "peak": float(np.logaddexp(0.0, self.peak) - np.log(2.0)),
            }
        )

    def proven(self, risk: float) -> bool:
        """Whether the claim was refuted at any row so far, at that risk of being wrong."""
        return self.peak >= float(np.log(1.0 + 1.0 / risk))

    @property
    def variance(self) -> float:
        """The variance of d over the rows so far; 0 before the second."""
        blocks, total, squares = (
            part[0] for part in (self.dependence.blocks, self.dependence.total, self.dependence.squares)
        )
        return max(0.0, squares - total * total / blocks) / (blocks - 1) if blocks > 1 else 0.0

    def _after_chunk(self, values: Floats) -> Self:
        stakes = _BETS / (1.0 + abs(self.margin))
        gains = np.log1p(np.outer(values - self.margin, stakes))
        wealth = np.array(self.log_wealth) + np.cumsum(gains, axis=0)
        numbers = np.arange(self.rows + 1, self.rows + len(values) + 1)
        tempering = np.maximum(self.inflation, 1.0 + _DOUBT_ROWS / numbers)
        evidence = _log_sum(_LOG_WEIGHTS + wealth / tempering[:, None])
        best = int(np.argmax(evidence))
        peak = (
            (float(evidence[best]), self.rows + best + 1) if evidence[best] > self.peak else (self.peak, self.peak_row)
        )
        rows = self.rows + len(values)
        dependence = self.dependence.after(values, self.rows)
        return self.model_copy(
            update={
                "rows": rows,
                "mean": self.mean + float(np.sum(values - self.mean)) / rows,
                "log_wealth": tuple(wealth[-1].tolist()),
                "dependence": dependence,
                "inflation": dependence.inflation() if rows % CHUNK_ROWS == 0 else self.inflation,
                "log_evidence": float(evidence[-1]),
                "peak": peak[0],
                "peak_row": peak[1],
            }
        )


def _log_sum(logs: Floats) -> Floats:
    top = logs.max(axis=1)
    total: Floats = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return total
