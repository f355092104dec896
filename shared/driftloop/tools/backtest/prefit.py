"""Makes all fits that hindsight needs, and the probes of policies that look at them; none is made twice."""

from collections.abc import Callable

from driftloop.tools.backtest.crew import Crew
from driftloop.tools.backtest.probes import Probes
from driftloop.tools.backtest.table import Fit, LossTable

_TOLD_EVERY = 25


def prefit(table: LossTable, crew: Crew | None, told: Callable[[str], None]) -> None:
    """Fit every model that a calendar or the oracle may use. Ends early only by an exception."""
    missing = [model for model in models_of(table) if not table.fits.has(model.start, model.end)]
    if crew is None or len(missing) < 2 * crew.jobs:
        for done, model in enumerate(missing):
            table.fits.get(model.start, model.end)
            _tell(told, done, len(missing))
        return
    for done, (model, fitted) in enumerate(zip(missing, crew.fit(missing), strict=True)):
        table.fits.adopt(model.start, fitted)
        _tell(told, done, len(missing))


def prefit_probes(probes: Probes, crew: Crew, told: Callable[[str], None]) -> None:
    """Fit every probe that does not depend on what a policy decides."""
    missing = [key for key in probes.foreseen() if not probes.has(key)]
    if missing:
        told(f"probes: {len(missing)}")
    for seconds in crew.fit_probes(missing):
        probes.spent(seconds)


def models_of(table: LossTable) -> list[Fit]:
    """The first model, and that of each window at the end of each block but the last."""
    later = [table.trained_before(block, window) for block in range(1, table.blocks) for window in table.layout.windows]
    return list(dict.fromkeys([table.first, *later]))


def _tell(told: Callable[[str], None], done: int, total: int) -> None:
    if done % _TOLD_EVERY == 0 or done == total - 1:
        told(f"models fitted: {done + 1} of {total}")
