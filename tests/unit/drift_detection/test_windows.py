"""Window monitors: power on small shifts, false alarms within the budget, bounded and exact state."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.monitors.budget import Budget
from drift_detection.core.sliding_windows import Rings
from drift_detection.core.windows.bins import BinOfStep, numeric_bins
from driftloop.spec.model_spec import Detection
from driftloop.statistics.columns import numeric_profile
from driftloop.tools.bench.columns import KINDS, SHIFTS, stationary
from driftloop.tools.bench.windows import alarm_rows, monitor_of


def test_bins_looked_up_by_step_are_the_bins_searched_for() -> None:
    rng = np.random.default_rng(0)
    for column in (rng.normal(size=5000), rng.lognormal(size=5000), rng.poisson(3, size=5000).astype(float)):
        bins = numeric_bins("x", numeric_profile(column))
        assert bins is not None
        values = np.r_[column, bins.edges, 1e9, -1e9]
        found = BinOfStep([bins]).bins([0], values[None, :], bins.steps(values)[None, :])[0]
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


@pytest.mark.parametrize("rows", [pytest.param(1, marks=pytest.mark.slow), 37, 999])
def test_windows_are_the_same_however_rows_come(rows: int) -> None:
    tallies = np.arange(40_000, dtype=np.int64)
    whole, parts = Rings(400, 200, 1), Rings(400, 200, 1)
    blocks = tallies.reshape(-1, 100).sum(axis=1)[:, None]
    expected = [(one.block, one.level, one.rows, int(one.tally[0])) for one in whole.push(blocks, whole.cut(40_000))]
    found = []
    for start in range(0, 40_000, rows):
        part = tallies[start : start + rows]
        cut = parts.cut(len(part))
        counted = np.bincount(cut.places, weights=part).astype(np.int64)[:, None]
        found += [(one.block, one.level, one.rows, int(one.tally[0])) for one in parts.push(counted, cut)]
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


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=6),
    st.integers(4, 60),
    st.sampled_from([1, 1 << 33, 1 << 55]),
    st.booleans(),
)
def test_sums_of_any_size_are_whole_however_rows_come(cuts: list[int], window: int, most: int, tumbling: bool) -> None:
    rng = np.random.default_rng([window, *cuts])
    rows = np.column_stack((rng.integers(0, 3, (sum(cuts), 2)), rng.integers(-most, most, (sum(cuts), 2))))
    one, other = (Rings(window, 4, 4, tumbling=tumbling, bins=2) for _ in range(2))
    found = [window for start, stop in pairwise(np.cumsum([0, *cuts])) for window in pushed(one, rows[start:stop])]
    single = [window for row in range(len(rows)) for window in pushed(other, rows[row : row + 1])]
    assert found == single
    assert one.snapshot() == other.snapshot()


def pushed(rings: Rings, rows: np.ndarray) -> list[tuple[int, int, int, str, list[int]]]:
    """The windows that close when rows come, with the type of their tallies."""
    cut = rings.cut(len(rows))
    tallies = np.zeros((cut.blocks, rows.shape[1]), np.int64)
    np.add.at(tallies, cut.places, rows)
    return [
        (one.block, one.level, one.rows, one.tally.dtype.name, one.tally.tolist()) for one in rings.push(tallies, cut)
    ]


def closed(rings: Rings, at: np.ndarray, cuts: list[int]) -> list[tuple[int, int, int]]:
    """(block, level, rows) of the windows that close when rows of these times come in parts."""
    found = []
    for start, stop in pairwise([0, *cuts, len(at)]):
        cut = rings.cut(stop - start, at[start:stop])
        tallies = np.bincount(cut.places, minlength=cut.blocks).astype(np.int64)[:, None]
        found += [(one.block, one.level, one.rows) for one in rings.push(tallies, cut)]
    return found


def test_windows_of_time_close_by_the_rows_own_time_and_hold_the_rows_of_that_time() -> None:
    hour = 3_600_000
    at = np.r_[np.arange(0, 8 * hour, hour // 100), [40 * hour]].astype(np.int64)
    windows = closed(Rings(1000, 300, 1, window_seconds=4 * 3600), at, [])
    assert [rows for _, level, rows in windows if level == 0] == [300, 400, 400, 400, 400, 400, 300]
    assert [rows for _, level, rows in windows if level == 1] == [700], "blocks 1-4 and 5-8, the eighth without a row"
    assert max(block for block, _, _ in windows) < 12, "hours without a row are no windows"


@pytest.mark.parametrize("tumbling", [True, False])
def test_windows_of_time_are_the_same_however_rows_come_late_ones_too(tumbling: bool) -> None:
    rng = np.random.default_rng(3)
    at = np.cumsum(rng.exponential(500, 4000) + 3e6 * (rng.random(4000) < 0.001)).astype(np.int64)
    at[rng.integers(10, 4000, 50)] -= 400_000
    made = [Rings(1000, 100, 1, tumbling=tumbling, window_seconds=200) for _ in range(2)]
    whole = closed(made[0], at, [])
    assert whole == closed(made[1], at, sorted(set(rng.integers(1, 4000, 30).tolist())))
    assert made[0].snapshot() == made[1].snapshot()


def test_no_row_is_in_two_tumbling_windows_of_a_level() -> None:
    rings = Rings(100, 100, 1, tumbling=True)
    windows = closed(rings, np.zeros(6400, dtype=np.int64), [37, 1234])
    for level in range(4):
        assert sum(rows for _, at_level, rows in windows if at_level == level) == 6400


@pytest.mark.parametrize("windows", [{"windows": "tumbling"}, {"window_seconds": 60_000.0}])
def test_a_shift_is_found_in_tumbling_windows_and_in_windows_of_time(
    windows: dict[str, Any], detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = stream(9000, seed=3)
    rows.columns["heat"][5000:] += 1.0
    whole, parts = (detection(spec=make_spec(detection=Detection(**windows))) for _ in range(2))
    whole.feed(rows)
    parts.feed(rows, cuts=[700, 5100, 5900])
    assert whole.signals
    assert {(one.subject, one.raised.row // 1500) for one in whole.signals} <= {("heat", 3), ("heat", 4)}
    said = [(one.segment, one.raised, one.statistic) for one in whole.signals]
    assert said == [(one.segment, one.raised, one.statistic) for one in parts.signals]
