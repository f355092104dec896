"""What is worked out of many windows, columns or segments in one go is, to the bit, what each gives alone."""

import numpy as np
import pytest

from drift_detection.core.losses.measures import ClassNames
from drift_detection.core.losses.performance import RecentQuality, push_each
from drift_detection.core.windows.bins import BinOfStep, numeric_bins
from drift_detection.core.windows.monitor import WindowMonitor, say_of_newest
from drift_detection.core.windows.reference import FrameTallies
from driftloop.statistics.columns import numeric_profile
from driftloop.tools.bench.windows import Rows, monitor_of

MEASURES = ("loss", "lag_seconds", "confidence", "correct", "said", "true")


def _monitor(columns: int) -> WindowMonitor:
    rng = np.random.default_rng(3)
    return monitor_of({f"x{place}": rng.lognormal(size=3000) for place in range(columns)}, 1.0, columns)


def _rows(monitor: WindowMonitor, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {one.name: rng.lognormal(0.1, 1.0, rows) for one in monitor.battery.reference.columns}
    cut = monitor.rings.cut(rows)
    monitor.push(FrameTallies(monitor.battery.reference, Rows(columns)).count(slice(0, rows), cut), cut)


@pytest.mark.parametrize("columns", [1, 7, 23])
def test_what_is_said_of_a_window_is_the_same_alone_among_others_and_from_its_judgement(columns: int) -> None:
    judged = _monitor(columns)
    for seed in range(4):
        _rows(judged, 700 + seed, seed)
        latest = judged.rings.latest()
        assert latest is not None
        (alone,) = judged.battery.run(latest[0][None, :], np.array([latest[1]]))
        others = np.stack([latest[0], latest[0][::-1].copy() % 50, latest[0]])
        among = judged.battery.run(others, np.full(3, latest[1]))
        found = judged.findings()
        assert found is not None
        for one in (among[0], among[2], found):
            assert (one.rows, one.numbers.tobytes(), one.tests.tolist()) == (
                alone.rows,
                alone.numbers.tobytes(),
                alone.tests.tolist(),
            )


def test_windows_held_against_the_same_reference_are_told_in_one_go() -> None:
    first = _monitor(5)
    monitors = [first, *(WindowMonitor(first.battery, 500, 500, learns=True) for _ in range(3))]
    for seed, monitor in enumerate(monitors):
        _rows(monitor, 650, seed)
    say_of_newest(monitors)
    for monitor in monitors:
        latest, found = monitor.rings.latest(), monitor.findings()
        assert latest is not None
        assert found is not None
        (alone,) = monitor.battery.run(latest[0][None, :], np.array([latest[1]]))
        assert found.numbers.tobytes() == alone.numbers.tobytes()
    assert say_of_newest([WindowMonitor(first.battery, 500, 500, learns=True)]) is None


def test_columns_with_different_bins_are_binned_in_one_go() -> None:
    rng = np.random.default_rng(1)
    samples = (rng.normal(size=4000), rng.poisson(3, size=4000).astype(float), np.full(4000, 2.0), rng.random(4000))
    bins = [one for name, values in enumerate(samples) if (one := numeric_bins(str(name), numeric_profile(values)))]
    edges = np.concatenate([one.edges for one in bins])
    values = np.stack([np.r_[sample, edges, np.nextafter(edges, np.inf), -1e300, 1e300] for sample in samples])
    steps = np.stack([one.steps(row) for one, row in zip(bins, values, strict=True)])
    found = BinOfStep(bins).bins(range(len(bins)), values, steps)
    for one, row, codes in zip(bins, values, found, strict=True):
        assert codes.tolist() == one.number_codes(row).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_recent_figures_of_several_segments_are_those_of_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = ClassNames(["a", "b", "c"])
    alone, together = ([RecentQuality(MEASURES, classes) for _ in range(4)] for _ in range(2))
    for _ in range(12):
        parts = []
        for rows in rng.choice([0, 1, 49, 50, 120, 1300], 4).tolist():
            measures = np.stack([rng.random(rows), rng.random(rows), rng.random(rows), *rng.integers(0, 3, (3, rows))])
            measures[rng.random(measures.shape) < 0.05] = np.nan
            parts.append(measures)
        for one, measures in zip(alone, parts, strict=True):
            one.push(measures)
        push_each(list(zip(together, parts, strict=True)))
        assert [one.snapshot() for one in together] == [one.snapshot() for one in alone]
