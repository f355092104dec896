"""What could have been done by one who knew the future: the best calendar, and the best of all.

Costs are total losses plus `price` for each training; all in units of loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftloop.tools.backtest.table import Fit, Floats, LossTable

PERIODS = (1, 2, 4, 8, 16, 32, 64)
"""Blocks between the trainings of the calendars that a person would think of: what costs and numbers of trainings
are held against. How many trainings a calendar of just the right period would need is told beside it."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Retraining every `every` blocks on the last `window` rows; 0 is never."""

    every: int
    window: int
    loss: float
    trainings: tuple[Fit, ...]

    def cost(self, price: float) -> float:
        """Losses and trainings."""
        return self.loss + price * len(self.trainings)


@dataclass(frozen=True, slots=True)
class Oracle:
    """The cheapest way through the stream: its cost and the blocks at which it trains, with windows."""

    cost: float
    path: tuple[tuple[int, int], ...]


def calendars(table: LossTable) -> list[Calendar]:
    """Never, and every period, from every block to once in the whole stream, with every window."""
    found = [Calendar(0, table.layout.first, table.never, ())]
    for window in table.layout.windows:
        totals = [table.block_totals(table.trained_before(block, window), block) for block in range(1, table.blocks)]
        found += [_calendar(table, every, window, totals) for every in range(1, table.blocks)]
    return found


def usual(found: Sequence[Calendar]) -> list[Calendar]:
    """Those of the periods that a person would think of: `PERIODS`, and never."""
    return [calendar for calendar in found if calendar.every in (0, *PERIODS)]


def best_calendar(found: Sequence[Calendar], price: float) -> Calendar:
    """The cheapest of the usual ones; of equals the one that trains least."""
    return min(usual(found), key=lambda calendar: (calendar.cost(price), len(calendar.trainings)))


def _calendar(table: LossTable, every: int, window: int, totals: Sequence[Floats]) -> Calendar:
    """`totals[b - 1]` are the block losses from block b on of the model that is trained before it."""
    begins = range(every, table.blocks, every)
    loss = float(table.block_totals(table.first, 0)[:every].sum())
    loss += sum(float(totals[block - 1][:every].sum()) for block in begins)
    return Calendar(every, window, loss, tuple(table.trained_before(block, window) for block in begins))


def oracle(table: LossTable, price: float) -> Oracle:
    """Dynamic programming over the blocks at which to train and the window to train on.

    `best[t]` is the least cost from block t on when a training happens right before it: the model
    serves until some block u, where the next training happens (or the stream ends).
    """
    blocks = table.blocks
    best = np.zeros(blocks + 1)
    plan: list[tuple[int, int]] = [(blocks, 0)] * (blocks + 1)
    for block in range(blocks - 1, -1, -1):
        windows = table.layout.windows if block else (table.layout.first,)
        choices = [(*_next_training(table, block, window, best), window) for window in windows]
        cost, until, window = min(choices)
        best[block] = cost + (price if block else 0.0)
        plan[block] = (until, window)
    return Oracle(float(best[0]), _path(plan, blocks))


def _next_training(table: LossTable, block: int, window: int, best: Floats) -> tuple[float, int]:
    model = table.trained_before(block, window) if block else table.first
    costs = np.cumsum(table.block_totals(model, block)) + best[block + 1 :]
    cheapest = int(np.argmin(costs))
    return float(costs[cheapest]), block + 1 + cheapest


def _path(plan: list[tuple[int, int]], blocks: int) -> tuple[tuple[int, int], ...]:
    block, path = plan[0][0], []
    while block < blocks:
        path.append((block, plan[block][1]))
        block = plan[block][0]
    return tuple(path)
