"""Plays the simulated world: `python -m tests.simulation --runs 10000`; see docs/simulation.md.

A seed repeats its run: `--seed N --runs 1` prints every step, and a plan that fails is made as small as it can be.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.simulation import table
from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import plan_of
from tests.simulation.run import CASES, Report, kill, play, play_many
from tests.simulation.virtual import simulated

_MOST_SEEDS = 3_000
_SHARE = 250


def _worker(first: int, runs: int, case: str | None, seconds: float) -> Report:
    return play_many(range(first, first + runs), case, seconds=seconds)


def play_side_by_side(first: int, runs: int, workers: int, seconds: float, case: str | None = None) -> Report:
    """Runs in several processes, until all are done, the time is over, or one fails."""
    report, end = Report(), time.monotonic() + seconds
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        starts = iter(range(first, first + runs, _SHARE))
        going = {
            pool.submit(_worker, s, min(_SHARE, first + runs - s), case, seconds)
            for s, _ in zip(starts, "x" * workers * 2, strict=False)
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


def _one(seed: int, case: str | None) -> int:
    with simulated():
        world = play(plan_of(seed), case, trace=True)
    for _what in world.failures:
        pass
    if world.failures:
        pass
    return 1 if world.failures else 0


def main() -> int:
    """0 where every run is clean and every mutant is found."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation")
    asked.add_argument("--runs", type=int, default=1_000)
    asked.add_argument("--seed", type=int, default=0, help="the first seed")
    asked.add_argument("--seconds", type=float, default=1e9, help="begin no further run after so many seconds")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--case", choices=tuple(CASES))
    asked.add_argument("--mutants", action="store_true", help="find every mutant, and write the table of the docs")
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    if given.runs == 1 and not given.mutants:
        return _one(given.seed, given.case)
    report = play_side_by_side(given.seed, given.runs, given.workers, given.seconds, given.case)
    killed: dict[str, int | None] = {}
    if given.mutants:
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            killed = dict(zip(MUTANTS, pool.map(kill, MUTANTS, [_MOST_SEEDS] * len(MUTANTS)), strict=True))
        table.write(killed)
    report.runs / max(report.cpu_seconds, 1e-9)
    for _failure in report.failures:
        pass
    for _name, _seed in killed.items():
        pass
    if given.out:
        found = {"runs": report.runs, "steps": report.steps, "cpu_seconds": round(report.cpu_seconds)}
        given.out.write_text(json.dumps({**found, "failures": report.failures, "mutants": killed}, indent=1) + "\n")
    return 1 if report.failures or None in killed.values() else 0


if __name__ == "__main__":
    sys.exit(main())
