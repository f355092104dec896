"""Window monitors: power on small shifts, false alarms within the budget, bounded and exact state."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from drift_detection.core.budget import Budget
from drift_detection.core.windows.bins import numeric_bins
from drift_detection.core.windows.rings import Rings
from driftloop.bench.columns import KINDS, SHIFTS, stationary
from driftloop.bench.windows import alarm_rows, monitor_of
from driftloop.spec.model_spec import Detection
from driftloop.statistics.profiles import numeric_profile


def test_bins_looked_up_by_step_are_the_bins_searched_for() -> None:
    rng = np.random.default_rng(0)
    for column in (rng.normal(size=5000), rng.lognormal(size=5000), rng.poisson(3, size=5000).astype(float)):
        bins = numeric_bins("x", numeric_profile(column))
        assert bins is not None
        values = np.r_[column, bins.edges, 1e9, -1e9]
        found = bins.number_codes(values, bins.steps(values))
        assert found.tolist() == np.searchsorted(bins.edges, values, side="left").tolist()
        assert bins.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", sorted(SHIFTS))
def test_a_shift_that_ks_finds_half_of_the_time_is_found_among_100_columns(name: str) -> None:
    size = {"mean": 0.093, "variance": 0.2, "shape": 0.19, "category share": 0.0615, "missing share": 0.055}[name]
    found = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 1])
        monitor = monitor_of({"x": SHIFTS[name](0.0, 20_000, rng)}, 1.0, 100)
        found += bool(alarm_rows(monitor, {"x": SHIFTS[name](size, 10_000, rng)}))
    assert found >= 9


@pytest.mark.parametrize("kind", KINDS)
def test_columns_without_drift_stay_within_the_budget(kind: str) -> None:
    alarms = 0
    for seed in range(2):
        rng = np.random.default_rng([seed, 2])
        monitor = monitor_of({f"x{place}": stationary(kind, 20_000, rng) for place in range(5)}, 100.0, 5)
        columns = {f"x{place}": stationary(kind, 20_000, rng, 20_000) for place in range(5)}
        alarms += len(alarm_rows(monitor, columns))
    assert alarms <= 9, "4 were declared"


@pytest.mark.parametrize("rows", [1, 37, 999])
def test_windows_are_the_same_however_rows_come(rows: int) -> None:
    tallies = np.arange(40_000, dtype=np.int64)
    whole, parts = Rings(400, 200, 1), Rings(400, 200, 1)
    blocks = tallies.reshape(-1, 100).sum(axis=1)[:, None]
    expected = [(one.block, one.level, one.rows, int(one.tally[0])) for one in whole.push(blocks, 40_000)]
    found = []
    for start in range(0, 40_000, rows):
        part = tallies[start : start + rows]
        place = (parts.offset + np.arange(len(part))) // 100
        counted = np.bincount(place, weights=part).astype(np.int64)[:, None]
        found += [(one.block, one.level, one.rows, int(one.tally[0])) for one in parts.push(counted, len(part))]
    assert found == expected
    restored = Rings(400, 200, 1)
    restored.restore(json.loads(json.dumps(whole.snapshot())))
    assert restored.snapshot() == whole.snapshot()


def test_the_budget_is_split_and_never_exceeded(make_spec: Any) -> None:
    spec = make_spec(detection=Detection(false_alarms_per_month=2.0))
    budget = Budget.of(spec)
    per_row = budget.error_rate("") + budget.error_rate("site=north") * len(spec.segments)
    assert per_row == pytest.approx(2e-6 / 2)
    assert Budget.of(make_spec(detection=Detection(false_alarms_per_month=1e9))).error_rate("") <= 1e-4
    shared = Budget.of(make_spec(detection=Detection(false_alarms_per_month=2.0, fleet_models=4)))
    assert shared.error_rate("") == pytest.approx(budget.error_rate("") / 4)
    busy = budget.at(rows=1e8, labelled_rows=1e6)
    assert busy.error_rate("") == budget.error_rate("")
    assert busy.window_level("", 10, 1000) == pytest.approx(budget.window_level("", 10, 1000) / 100)
    assert budget.window_level("", 100, 1000) < budget.window_level("", 10, 1000)


def test_a_column_that_is_not_in_the_frame_is_missing() -> None:
    monitor = monitor_of({"x": np.random.default_rng(1).normal(size=5000)}, 1.0, 1)
    assert alarm_rows(monitor, {"x": np.full(2000, np.nan)})
    assert pa.nulls(1) is not None
