"""Processes that fit the models of one stream and run policies on it; what they fit is kept on disk."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from driftloop.learners.entry_points import make_learner
from driftloop.parent_death import die_with_parent
from driftloop.tools.backtest.contenders import contenders
from driftloop.tools.backtest.fits import Fits, Fitted
from driftloop.tools.backtest.layout import Layout
from driftloop.tools.backtest.probes import Probed, Probes
from driftloop.tools.backtest.processes import context
from driftloop.tools.backtest.simulate import Run
from driftloop.tools.backtest.stream import Stream
from driftloop.tools.backtest.table import Fit, LossTable

_PROBES_AT_ONCE = 16


class Crew:
    """`jobs` processes for one table, whose fits are kept in `folder`.

    Left by an exception, they begin nothing more.
    """

    def __init__(self, table: LossTable, folder: Path, jobs: int) -> None:
        fits = table.fits
        bare = replace(fits.stream, history=None)
        given = (bare, (fits.name, fits.seed), folder, table.layout, table.delay)
        self.jobs = jobs
        self._workers = ProcessPoolExecutor(jobs, context(), _begin, given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.shutdown(cancel_futures=kind is not None)

    def fit(self, models: Sequence[Fit]) -> Iterator[Fitted]:
        """The fits of `models`, in their order."""
        return self._workers.map(_fit, models)

    def fit_probes(self, probes: Sequence[Probed]) -> Iterator[float]:
        """Processor seconds that each of `probes` took, once it is kept."""
        return self._workers.map(_fit_probe, probes, chunksize=_PROBES_AT_ONCE)

    def run(self, policy: str, price: float) -> Future[tuple[Run, float]]:
        """What came of a policy at a price, and the processor seconds that probes took it."""
        return self._workers.submit(_run, policy, price)


_own: list[tuple[LossTable, Probes]] = []
"""The table and the probes of this worker process."""


def _begin(stream: Stream, learner: tuple[str, int], folder: Path, layout: Layout, delay: int) -> None:
    name, seed = learner
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that was started says when to stop
    fits = Fits(stream, name, make_learner(stream.spec, name, {}), folder, seed)
    table = LossTable(fits, layout, delay)
    _own[:] = [(table, Probes(table))]


def _fit(model: Fit) -> Fitted:
    table, _ = _own[0]
    return table.fits.fresh(model.start, model.end)


def _fit_probe(probe: Probed) -> float:
    _, probes = _own[0]
    return probes.make(probe)


def _run(policy: str, price: float) -> tuple[Run, float]:
    table, probes = _own[0]
    before = probes.seconds
    (contender,) = [one for one in contenders(table, probes) if one.name == policy]
    return contender.run(price), probes.seconds - before
