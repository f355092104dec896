"""Runs of the simulated world in several processes, and every mutant's seed.

The processes are forked from one that has imported everything: no run reads or compiles a module.
"""

import gc
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from multiprocessing import get_context
from typing import Any

from tests.simulation.mutants import MUTANTS
from tests.simulation.report import Report
from tests.simulation.run import CASES, kill, play_many

from driftloop.parent_death import die_with_parent

_MOST_SEEDS, _MOST_WITHOUT_EFFECT = 3_000, 300
_SHARE = 100
_FORK = get_context("fork")
_ended = _FORK.Event()
"""Set by SIGTERM and SIGINT: every process ends with the run that it is in."""


def _worker(seeds: range, case: str | None, seconds: float) -> Report:
    return play_many(seeds, case, seconds=seconds, ended=_ended.is_set)


def _follow(parent: int) -> None:
    """A signal to the whole group of processes is the parent's to obey; whoever kills it ends us."""
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    for case in CASES:
        import_module(f"tests.simulation.cases.{case}")
    gc.collect()
    gc.freeze()  # what is imported stays: no collection looks at it, and no worker's memory parts from the parent's
    try:
        with ProcessPoolExecutor(workers, mp_context=_FORK, initializer=_follow, initargs=(os.getpid(),)) as pool:
            yield pool
    finally:
        gc.unfreeze()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    before = {number: signal.signal(number, lambda *_: _ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _ended.clear()


def play_side_by_side(
    left: Iterable[range], report: Report, workers: int, seconds: float, case: str | None = None,
    tell: Callable[[Report], Any] = lambda report: None, tell_every: float = 10.0,
) -> bool:  # fmt: skip
    """Add the runs of these seeds to a report: until all are done, the time is over, one fails, or a signal ends it.

    `tell` is called with the report every few seconds. True if it was a signal.
    """
    end, told_at = time.monotonic() + seconds, time.monotonic()
    shares = (share for seeds in left for share in _shares(seeds))
    with _ended_by_signals(), _pool(workers) as pool:
        going: set[Future[Report]] = set()

        def give(most: int) -> None:
            rest = end - time.monotonic()
            if rest > 0 and not report.failures and not _ended.is_set():
                going.update(pool.submit(_worker, share, case, rest) for share in islice(shares, most))

        give(workers * 2)
        while going:
            done, going = wait(going, min(1.0, tell_every), FIRST_COMPLETED)
            for one in done:
                report.add(one.result())
            give(len(done))
            if time.monotonic() - told_at > tell_every:
                told_at = time.monotonic()
                tell(report)
        return _ended.is_set()


def _shares(seeds: range) -> Iterator[range]:
    return (range(at, min(at + _SHARE, seeds.stop)) for at in range(seeds.start, seeds.stop, _SHARE))


def seeds_of_mutants(workers: int) -> dict[str, int | None]:
    """The first seed that finds each mutant; None where none of 3,000 does (300 where none can)."""
    most = [_MOST_WITHOUT_EFFECT if mutant.no_effect else _MOST_SEEDS for mutant in MUTANTS.values()]
    with _pool(workers) as pool:
        return dict(zip(MUTANTS, pool.map(kill, MUTANTS, most), strict=True))
