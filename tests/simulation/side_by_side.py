"""Runs of the simulated world in several processes, and every mutant's seed.

A module of its own, because a process that is spawned cannot import a package's `__main__`.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from tests.simulation.mutants import MUTANTS
from tests.simulation.run import Report, kill, play_many

_MOST_SEEDS, _MOST_WITHOUT_EFFECT = 3_000, 300
_SHARE = 250


def _worker(first: int, runs: int, case: str | None, seconds: float) -> Report:
    return play_many(range(first, first + runs), case, seconds=seconds)


def play_side_by_side(first: int, runs: int, workers: int, seconds: float, case: str | None = None) -> Report:
    """Runs in several processes, until all are done, the time is over, or one fails."""
    report, end = Report(), time.monotonic() + seconds
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        starts = iter(range(first, first + runs, _SHARE))
        going = {
            pool.submit(_worker, s, min(_SHARE, first + runs - s), case, seconds) for s in islice(starts, workers * 2)
        }
        while going:
            done = next(iter([f for f in going if f.done()]), None)
            if done is None:
                time.sleep(0.05)
                continue
            going.remove(done)
            report.add(done.result())
            left = end - time.monotonic()
            start = next(starts, None) if left > 0 and not report.failures else None
            if start is not None:
                going.add(pool.submit(_worker, start, min(_SHARE, first + runs - start), case, left))
    return report


def seeds_of_mutants(workers: int) -> dict[str, int | None]:
    """The first seed that finds each mutant; None where none of 3,000 does (300 where none can)."""
    most = [_MOST_WITHOUT_EFFECT if mutant.no_effect else _MOST_SEEDS for mutant in MUTANTS.values()]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return dict(zip(MUTANTS, pool.map(kill, MUTANTS, most), strict=True))
