"""How a budget of false alarms is best spent over time: a constant level beside online FDR, by measurement.

The tests are the window monitors' own, on their own p-values in their own order, with 100 columns. A
quiet stretch is followed by a shift of one column, of the size that a KS test of 1,000 rows finds half of
the time; at the first alarm the shift is dealt with (a new reference), and quiet rows follow. That is kind
to online FDR: a shift that went on would be rejected by every window and earn it wealth each time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.detectors.mixture_cusum import MixtureCusum
from drift_detection.core.monitors.budget import Budget
from drift_detection.core.sliding_windows import Window
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.reference import FrameTallies
from driftloop.tools.bench.columns import SHIFTS, size_found_half_of_the_time, stationary
from driftloop.tools.bench.online_fdr import ConstantLevel, OnlineRule, Rule
from driftloop.tools.bench.peers import alarms_of
from driftloop.tools.bench.scoring import score
from driftloop.tools.bench.streams import BASE, BEFORE, RISES, change, errors
from driftloop.tools.bench.windows import REFERENCE_ROWS, SURE_PER_MILLION, WINDOW_ROWS, WITHIN_ROWS, Rows, monitor_of

Floats = NDArray[np.float64]
Say = Callable[[str], None]

COLUMNS = 100
PART = 10_000
"""Rows that are made and binned at once."""
SHARED = 20
"""Runs that share one quiet stretch: the shift differs, the quiet rows do not."""
RATES = (1e-4, 1e-5, 1e-6, 1e-7)
ALPHAS = (0.05, 0.2)


def rules() -> list[Rule]:
    """Who competes: the product's constant level, and three online FDR rules at two levels."""
    level = Budget(2 * SURE_PER_MILLION).window_level("", COLUMNS, WINDOW_ROWS)
    online = [
        rule
        for alpha in ALPHAS
        for rule in (
            OnlineRule(f"LORD++ {alpha}", alpha),
            OnlineRule(f"SAFFRON {alpha}", alpha, candidate=0.5),
            OnlineRule(f"ADDIS {alpha}", alpha, candidate=0.25, discard=0.5),
        )
    ]
    return [ConstantLevel("constant level", level), *online]


def bench_budget(quiet_rows: int, runs: int, seeds: int, say: Say) -> dict[str, Any]:
    """False alarms, power and delay of each rule after short and long quiet stretches; what a lower rate costs.

    `quiet_rows` is the longest stretch; `runs` shifts are looked for, 20 after each stretch.
    """
    stretches = [rows for rows in (10_000, 100_000, 1_000_000) if rows <= quiet_rows] or [quiet_rows]
    size = size_found_half_of_the_time(SHIFTS["mean"])
    tallies = {rule.name: {rows: _Tally() for rows in stretches} for rule in rules()}
    for batch in range(max(runs // SHARED, 1)):
        say(f"quiet rows, stretch {batch + 1} of {max(runs // SHARED, 1)}")
        quiet = _quiet(quiet_rows, batch)
        for seed in range(SHARED):
            _add(tallies, quiet, _shifted(size, batch * SHARED + seed))
    return {
        "columns": COLUMNS,
        "declared_per_million": SURE_PER_MILLION,
        "rules": {name: {str(rows): tally.figures(rows) for rows, tally in of.items()} for name, of in tallies.items()},
        "rates": {f"{rate:g}": _of_rate(rate, seeds) for rate in RATES},
    }


class _Tally:
    """What a rule did over the runs."""

    def __init__(self) -> None:
        self.before: list[int] = []
        self.delays: list[int | None] = []
        self.after: list[int] = []

    def figures(self, quiet: int) -> dict[str, Any]:
        found = [delay for delay in self.delays if delay is not None]
        return {
            "power": len(found) / len(self.delays),
            "delay": float(np.mean(found)) if found else None,
            "false_alarms_per_million_before": float(np.mean(self.before)) * 1e6 / quiet,
            "false_alarms_per_million_after": float(np.mean(self.after)) * 1e6 / min(quiet, 100_000),
            "runs": len(self.delays),
        }


Tests = tuple[NDArray[np.int64], Floats]
"""Rows at which windows closed, and their p-values (windows × tests)."""


def _quiet(rows: int, seed: int) -> Tests:
    """The tests on rows in which nothing happens."""
    rng = np.random.default_rng([seed, 11])
    names = [f"x{place}" for place in range(COLUMNS)]
    reference = {name: stationary("normal", REFERENCE_ROWS, rng) for name in names}
    monitor = monitor_of(reference, SURE_PER_MILLION, COLUMNS)
    ends: list[int] = []
    found: list[Floats] = []
    for start in range(0, rows, PART):
        part = Rows({name: rng.standard_normal(PART) for name in names})
        tallies = FrameTallies(monitor.battery.reference, part)
        cut = monitor.rings.cut(min(PART, rows - start))
        counted = tallies.count(slice(0, len(cut)), cut)
        closed = [window for window in monitor.rings.push(counted, cut) if window.level >= 0]
        ends.extend(window.block * monitor.rings.block_rows for window in closed)
        found.append(_p_values(monitor.battery, closed))
    return np.array(ends), np.concatenate(found)


def _shifted(size: float, seed: int) -> Tests:
    """The tests on the one column that shifts, for 10,000 rows from its shift on."""
    rng = np.random.default_rng([seed, 12])
    monitor = monitor_of({"x": SHIFTS["mean"](0.0, REFERENCE_ROWS, rng)}, SURE_PER_MILLION, COLUMNS)
    tallies = FrameTallies(monitor.battery.reference, Rows({"x": SHIFTS["mean"](size, WITHIN_ROWS, rng)}))
    cut = monitor.rings.cut(WITHIN_ROWS)
    counted = tallies.count(slice(0, WITHIN_ROWS), cut)
    closed = [window for window in monitor.rings.push(counted, cut) if window.level >= 0]
    return np.array([window.block * monitor.rings.block_rows for window in closed]), _p_values(monitor.battery, closed)


def _p_values(battery: Battery, windows: Sequence[Window]) -> Floats:
    """P-values (windows × column after column, all tests of each), from statistics over their limits."""
    tally, rows = np.stack([window.tally for window in windows]), np.array([window.rows for window in windows])
    excess = battery.excess(battery.tallied(tally, rows))
    found = np.empty_like(excess)
    for place, test in enumerate(battery.tests):
        for column in range(excess.shape[1]):
            statistics = (excess[:, column, place] * test.limit(column)).tolist()
            found[:, column, place] = [test.p_value(column, one) for one in statistics]
    return found.reshape(len(windows), -1)


def _add(tallies: Mapping[str, Mapping[int, _Tally]], quiet: Tests, shift: Tests) -> None:
    ends, still = quiet
    for rule in rules():
        for rows, tally in tallies[rule.name].items():
            closed = int(np.searchsorted(ends, rows, side="right"))
            _run(rule, tally, still[:closed], shift, still[: int(np.searchsorted(ends, min(rows, 100_000), "right"))])


def _run(rule: Rule, tally: _Tally, before: Floats, shift: Tests, after: Floats) -> None:
    """One stream: quiet rows, the shift of the first column until it is found, quiet rows again."""
    width, (ends, moved) = before.shape[1], shift
    during = before[: len(ends)].copy()
    during[:, : moved.shape[1]] = moved
    shape = np.concatenate((before.ravel(), during.ravel()))
    hits = rule.rejected(shape)
    tally.before.append(int((hits < before.size).sum()))
    places = hits[hits >= before.size] - before.size
    of_column = places[places % width < moved.shape[1]]
    tally.delays.append(int(ends[of_column[0] // width]) if len(of_column) else None)
    if not len(of_column):
        return
    stop = before.size + int(of_column[0]) + 1
    whole = np.concatenate((shape[:stop], after.ravel()))
    tally.after.append(int((rule.rejected(whole) >= stop).sum()))


def _of_rate(rate: float, seeds: int) -> dict[str, Any]:
    """What the default error detector's delay is at a declared rate, and the false alarms that come about."""

    def alarms(values: Floats) -> list[int]:
        return alarms_of(MixtureCusum(false_alarm_rate=rate), values)

    scores = {
        name: [score(alarms(change(name, seed)), [BEFORE], 2 * BEFORE) for seed in range(seeds)] for name in RISES
    }
    counted = sum(len(alarms(errors(BASE, 500_000, 30_000 + seed))) for seed in range(8))
    return {
        "delay": {
            name: float(np.mean([one.delays[0] for one in of if one.delays[0] is not None]))
            for name, of in scores.items()
        },
        "missed": sum(one.delays[0] is None for of in scores.values() for one in of),
        "counted_per_million": counted / 4,
    }
