"""Window monitors on columns whose shifts are known: power, delay, and false alarms beside the budget."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import poisson

from drift_detection.core.kept.kept_profile import KeptProfile
from drift_detection.core.monitors.budget import Budget
from drift_detection.core.rows import Coded, codes_of
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.bins import ColumnBins, column_bins
from drift_detection.core.windows.monitor import WindowMonitor
from drift_detection.core.windows.reference import JOINT, FrameTallies, Reference
from driftloop.statistics.columns import column_profile
from driftloop.tools.bench.columns import KINDS, SHIFTS, Column, as_numbers, size_found_half_of_the_time, stationary
from driftloop.tools.bench.embedded import KINDS as EMBEDDED
from driftloop.tools.bench.embedded import bench_embedded
from driftloop.tools.bench.source_rules import RULES
from driftloop.tools.bench.together import CORRELATION, NO_PROFILE, correlated, together

Say = Callable[[str], None]

REFERENCE_ROWS = 20_000
WITHIN_ROWS = 10_000
STREAM_ROWS = 50_000
"""Rows of one stream without drift: each has references of its own, because a reference that is a little off
costs false alarms as long as it is in use."""
TOGETHER = "correlation"
"""Two features that go together, among others that do not."""
WINDOW_ROWS, MINIMUM_ROWS = 1000, 500
FEATURES = (1, 10, 100)
DECLARED_PER_MILLION = 20.0
"""The budget that is counted against: generous, so that there is something to count."""
SURE_PER_MILLION = 1.0
"""The budget that power is measured at: what a model has unless its spec says otherwise."""


class Rows:
    """Columns in the shape in which a frame's rows are binned."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = {name: _arrow(column) for name, column in columns.items()}
        self._count = len(next(iter(columns.values())))
        self.seen = np.arange(self._count)
        self.predicted_at = np.zeros(self._count, dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def column(self, name: str) -> pa.Array:
        """A column as Arrow holds it."""
        return self._columns[name]

    def coded(self, name: str) -> Coded:
        """A column of text as codes."""
        return codes_of(self._columns[name])


def _arrow(column: Column) -> pa.Array:
    return pa.array(column, pa.string()) if column.dtype == object else pa.array(column, pa.float64(), from_pandas=True)


def monitor_of(
    columns: Mapping[str, Column],
    per_million: float,
    features: int,
    *,
    window_rows: int = WINDOW_ROWS,
    minimum_rows: int = MINIMUM_ROWS,
) -> WindowMonitor:
    """A monitor with these reference columns, at the level of a model of `features` columns."""
    bins = [_bins(name, column) for name, column in columns.items()]
    return _monitor(bins, per_million, features, window_rows, minimum_rows)


def _monitor(
    bins: Sequence[ColumnBins],
    per_million: float,
    features: int,
    window_rows: int = WINDOW_ROWS,
    minimum_rows: int = MINIMUM_ROWS,
) -> WindowMonitor:
    return against(
        Reference("1.0.0", tuple(bins), KeptProfile.of(NO_PROFILE)), per_million, features, window_rows, minimum_rows
    )


def against(
    reference: Reference,
    per_million: float,
    features: int,
    window_rows: int = WINDOW_ROWS,
    minimum_rows: int = MINIMUM_ROWS,
) -> WindowMonitor:
    """A monitor with this reference, at the level of a model of `features` columns."""
    level = Budget(per_million * 2).window_level("", features, window_rows)
    return WindowMonitor(Battery.of(reference, level, minimum_rows), window_rows, minimum_rows, learns=False)


def _bins(name: str, column: Column) -> ColumnBins:
    bins = column_bins(name, column_profile(column))
    assert bins is not None
    return bins


def alarm_rows(monitor: WindowMonitor, columns: Mapping[str, Column]) -> list[int]:
    """Rows at which the monitor raises a shift on these rows, taken in whole."""
    tallies = FrameTallies(monitor.battery.reference, Rows(columns))
    rows = len(next(iter(columns.values())))
    cut = monitor.rings.cut(rows)
    counted = tallies.count(slice(0, rows), cut)
    return [shift.block * monitor.rings.block_rows for shift in monitor.push(counted, cut)]


def bench_windows(runs: int, rows: int, say: Say) -> dict[str, Any]:
    """All of the protocol's section 2; `rows` stationary rows for each kind, of 10 columns and of 100."""
    sizes = {name: size_found_half_of_the_time(shift) for name, shift in SHIFTS.items()}
    shifts = {name: _power(name, size, runs, say) for name, size in sizes.items()}
    shifts[TOGETHER] = _power_together(max(runs // 10, 2), say)
    kinds = {
        kind: {str(count): _stationary(kind, count, rows, say) for count in (10, 100)} for kind in (*KINDS, TOGETHER)
    }
    embedded = embedded_kinds(max(runs // 2, 2), rows, say)
    return {"shifts": shifts, "stationary": kinds, "rules_as_written": _rules(sizes, say), "embedded": embedded}


def embedded_kinds(runs: int, rows: int, say: Say) -> dict[str, Any]:
    """The same of features of kind text and vector, whose mix of topics shifts."""

    def found(reference: Reference, columns: Mapping[str, Column], per_million: float) -> list[int]:
        return alarm_rows(against(reference, per_million, len(reference.columns)), columns)

    return {
        kind: bench_embedded(
            kind, runs, rows, found, say,
            sure=SURE_PER_MILLION, declared=DECLARED_PER_MILLION, stream_rows=STREAM_ROWS,
        )
        for kind in EMBEDDED
    }  # fmt: skip


def _power(name: str, size: float, runs: int, say: Say) -> dict[str, Any]:
    """How often and how soon one shifted column is found, where 1, 10 or 100 columns share the budget.

    The others only raise the limit: columns are judged each for itself.
    """
    say(f"shift of {name}, size {size}")
    table = [_delays(name, size, seed) for seed in range(runs)]
    result: dict[str, Any] = {"size": size}
    for place, features in enumerate(FEATURES):
        found = [delays[place] for delays in table if delays[place] is not None]
        result[str(features)] = {
            "power": len(found) / runs,
            "delay": float(np.mean([delay for delay in found if delay is not None])) if found else None,
            "within_rows": WITHIN_ROWS,
            "runs": runs,
        }
    return result


def _delays(name: str, size: float, seed: int) -> list[int | None]:
    """Rows until the shift is found, for each number of columns; None where it is not found in 10,000."""
    rng = np.random.default_rng([seed, 1])
    bins = [_bins("x", SHIFTS[name](0.0, REFERENCE_ROWS, rng))]
    moved = {"x": SHIFTS[name](size, WITHIN_ROWS, rng)}
    return [next(iter(alarm_rows(_monitor(bins, SURE_PER_MILLION, count), moved)), None) for count in FEATURES]


def _power_together(runs: int, say: Say) -> dict[str, Any]:
    """The same for two features of 10 or of 100 whose correlation changes its sign; it takes two at least.

    Their references are made anew for each run, which takes seconds: a tenth of the runs has to do.
    """
    say(f"shift of {TOGETHER}, from {CORRELATION} to {-CORRELATION}")
    result: dict[str, Any] = {"size": 2 * CORRELATION, "1": {"power": None, "delay": None}}
    for features in FEATURES[1:]:
        found = [delay for seed in range(runs) if (delay := _delay_together(features, seed)) is not None]
        result[str(features)] = {
            "power": len(found) / runs,
            "delay": float(np.mean(found)) if found else None,
            "within_rows": WITHIN_ROWS,
            "runs": runs,
        }
    return result


def _delay_together(features: int, seed: int) -> int | None:
    rng = np.random.default_rng([seed, features, 3])
    reference = together(correlated(CORRELATION, features, REFERENCE_ROWS, rng))
    monitor = against(reference, SURE_PER_MILLION, len(reference.columns))
    return next(iter(alarm_rows(monitor, correlated(-CORRELATION, features, WITHIN_ROWS, rng))), None)


def _stationary(kind: str, features: int, rows: int, say: Say) -> dict[str, Any]:
    """False alarms on data without drift, over streams with references of their own."""
    say(f"{features} columns, {kind}")
    streams = max(rows // STREAM_ROWS, 1)
    counted = [_still_alarms(kind, features, seed) for seed in range(streams)]
    alarms, seen = sum(counted), streams * STREAM_ROWS
    return {
        "rows": seen,
        "declared_per_million": DECLARED_PER_MILLION,
        "counted_per_million": alarms * 1e6 / seen,
        "alarms": alarms,
        "most_by_chance": int(poisson.ppf(0.95, DECLARED_PER_MILLION * seen / 1e6)),
    }


def _still_alarms(kind: str, features: int, seed: int) -> int:
    """Alarms on one stream without drift, with references of its own."""
    rng = np.random.default_rng([seed, features])

    def columns(rows: int, start: int = 0) -> Mapping[str, Column]:
        if kind == TOGETHER:
            return correlated(CORRELATION, features, rows, rng)
        return {f"x{place}": stationary(kind, rows, rng, start) for place in range(features)}

    reference = columns(REFERENCE_ROWS)
    if kind == TOGETHER:
        monitor = against(together(reference), DECLARED_PER_MILLION, features + len(JOINT))
    else:
        monitor = monitor_of(reference, DECLARED_PER_MILLION, features)
    starts = range(REFERENCE_ROWS, REFERENCE_ROWS + STREAM_ROWS, 10_000)
    return sum(len(alarm_rows(monitor, columns(10_000, start))) for start in starts)


def _rules(sizes: Mapping[str, float], say: Say) -> dict[str, Any]:
    """The sources' rules as written, every 1,000 rows on ten columns: alarms on still data, power on a shift."""
    say("the source rules as written")
    result: dict[str, Any] = {}
    for name, rule in RULES.items():
        still = [_checks(rule, kind, None, seed) for kind in KINDS if kind != "categorical" for seed in range(4)]
        moved = [_checks(rule, "normal", sizes["mean"], seed) for seed in range(10)]
        result[name] = {
            "false_alarms_a_check": float(np.mean(np.concatenate(still))),
            "power_on_mean_within_10000_rows": float(np.mean([any(checks) for checks in moved])),
        }
    return result


def _checks(rule: Callable[..., bool], kind: str, shift: float | None, seed: int) -> Sequence[bool]:
    rng = np.random.default_rng([seed, 7])
    reference = [as_numbers(stationary(kind, 2000, rng)) for _ in range(10)]
    outcomes = []
    for check in range(WITHIN_ROWS // 1000):
        current = [as_numbers(stationary(kind, 1000, rng, 2000 + 1000 * check)) for _ in range(10)]
        current[0] = current[0] + (shift or 0.0)
        outcomes.append(rule(reference, current))
    return outcomes
