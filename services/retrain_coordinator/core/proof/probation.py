"""A champion on probation: is its predecessor the better one after all?

Two ways to see harm share the risk. Bets (a fifth of it) may speak at any row, and see a disaster
within dozens. One look at a number of rows fixed beforehand (the rest) is how most is got out of a
modest number of rows: three points of harm are found in 1,408 rows, which bets alone often miss.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from scipy.special import ndtri

from retrain_coordinator.core.proof.challenge import Evidence
from retrain_coordinator.core.proof.paired_losses import differences
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.state import ProbationEntry

LOOK_ROWS = 1408
_SHARE_OF_BETS = 0.2


def after(entry: ProbationEntry, champion: Sequence[float], predecessor: Sequence[float]) -> ProbationEntry:
    """The probation with the losses of more rows, both versions on the same ones."""
    harms = differences(champion, predecessor, entry.loss_bound)
    until_look = LOOK_ROWS - entry.harm.rows
    if not 0 < until_look <= len(harms):
        return entry.model_copy(update={"harm": entry.harm.after(harms)})
    at_look = entry.harm.after(harms[:until_look])
    return entry.model_copy(update={"look": standard_score(at_look), "harm": at_look.after(harms[until_look:])})


def is_harmful(entry: ProbationEntry, risk: float) -> bool:
    """Whether the champion has proven worse, at that risk of sending back one that is not."""
    seen_at_look = entry.look is not None and entry.look >= float(-ndtri((1.0 - _SHARE_OF_BETS) * risk))
    return seen_at_look or entry.harm.proven(_SHARE_OF_BETS * risk)


def standard_score(test: PairedTest) -> float:
    """The mean of d over its standard error, which knows that rows hang together; 0 if nothing varies."""
    variance = test.variance * test.inflation
    return test.mean / sqrt(variance / test.rows) if variance > 0 else 0.0


def figures(entry: ProbationEntry) -> Evidence:
    """The figures of a probation, as they are published."""
    return {
        "rows": float(entry.harm.rows),
        "mean_harm": entry.harm.mean,
        "harm_evidence": float(np.exp(min(entry.harm.log_evidence, 50.0))),
        "rows_per_news": entry.harm.inflation,
        "look": entry.look,
        "predecessor": entry.predecessor,
    }
