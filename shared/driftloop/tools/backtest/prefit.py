"""Makes all fits that hindsight needs, in several processes where asked for; none is made twice."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from driftloop.learners.entry_points import make_learner
from driftloop.tools.backtest.fits import Fits, Fitted
from driftloop.tools.backtest.stream import Stream
from driftloop.tools.backtest.table import Fit, LossTable

_TOLD_EVERY = 25


def prefit(table: LossTable, jobs: int, told: Callable[[str], None]) -> None:
    """Fit every model that a calendar or the oracle may use. Ends early only by an exception."""
    missing = [model for model in models_of(table) if not table.fits.has(model.start, model.end)]
    if jobs <= 1 or len(missing) < 2 * jobs:
        for done, model in enumerate(missing):
            table.fits.get(model.start, model.end)
            _tell(told, done, len(missing))
        return
    fits = table.fits
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (fits.stream, fits.name, fits.seed)) as workers:
        for done, (model, fitted) in enumerate(zip(missing, workers.map(_fit, missing, chunksize=4), strict=True)):
            fits.adopt(model.start, fitted)
            _tell(told, done, len(missing))


def models_of(table: LossTable) -> list[Fit]:
    """The first model, and that of each window at the end of each block but the last."""
    later = [table.trained_before(block, window) for block in range(1, table.blocks) for window in table.layout.windows]
    return list(dict.fromkeys([table.first, *later]))


_own: list[Fits] = []
"""The fits of this worker process."""


def _begin(stream: Stream, name: str, seed: int) -> None:
    _own[:] = [Fits(stream, name, make_learner(stream.spec, name, {}), None, seed)]


def _fit(model: Fit) -> Fitted:
    return _own[0].fresh(model.start, model.end)


def _tell(told: Callable[[str], None], done: int, total: int) -> None:
    if done % _TOLD_EVERY == 0 or done == total - 1:
        told(f"models fitted: {done + 1} of {total}")
