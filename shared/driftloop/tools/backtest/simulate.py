"""Runs a policy over a stream, and counts what it cost: every attempted training counts."""

from dataclasses import dataclass, field

import numpy as np

from driftloop.tools.backtest.moment import Choice, Moment, Policy, Train
from driftloop.tools.backtest.table import Fit, Floats, LossTable


@dataclass(frozen=True, slots=True)
class Step:
    """A choice at the beginning of `block`, and the model that serves from there."""

    block: int
    row: int
    choice: Choice
    model: Fit


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a policy: losses by block, in units of loss, and what it did. `by_row`: losses of each row."""

    losses: Floats
    steps: tuple[Step, ...]
    training_seconds: float
    by_row: Floats | None = field(default=None, compare=False)

    @property
    def loss(self) -> float:
        """The total."""
        return float(self.losses.sum())

    @property
    def retrains(self) -> int:
        """How many trainings were attempted."""
        return sum(isinstance(step.choice, Train) for step in self.steps)

    @property
    def reuses(self) -> int:
        """How often an archived model was taken instead."""
        return len(self.steps) - self.retrains

    def cost(self, price: float) -> float:
        """Losses and trainings."""
        return self.loss + price * self.retrains


def simulate(table: LossTable, policy: Policy, price: float) -> Run:
    """The stream under `policy`, each training of which costs `price` (in units of loss)."""
    champion, trained = table.first, [table.first]
    served = np.empty(table.rows)
    totals, steps, seconds = np.empty(table.blocks), [], 0.0
    origin = table.edges[0]
    for block in range(table.blocks):
        losses = table.block_losses(champion, block)
        served[table.edges[block] - origin : table.edges[block + 1] - origin] = losses
        totals[block] = losses.sum()
        following = block + 1
        first, last = table.labelled(block), table.labelled(following)
        if following == table.blocks or first == last:
            continue
        archive = tuple(model for model in trained if model != champion)
        known = served[first - origin : last - origin]
        choice = policy.decide(Moment(table, following, first, last, known, champion, archive, price))
        if choice is None:
            continue
        if isinstance(choice, Train):
            champion = table.trained_before(following, choice.window)
            seconds += table.fits.get(champion.start, champion.end).seconds
            trained = [*(model for model in trained if model != champion), champion]
        else:
            champion = choice.model
        steps.append(Step(following, table.edges[following], choice, champion))
    return Run(totals, tuple(steps), seconds, served)
