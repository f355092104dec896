"""The compiled loops give what numpy gives, to the bit: with numba and without it, the same is published."""

import numpy as np
import pytest

from drift_detection.core.detectors.cusum import Cusum
from drift_detection.core.loops import frame_kernel
from drift_detection.core.loops.kernels import FRAME, ROWS
from drift_detection.core.losses.measures import ClassNames
from drift_detection.core.losses.metrics_of import FEW, quality_metrics
from drift_detection.core.losses.performance import RecentQuality
from drift_detection.core.sliding_windows import Rings
from drift_detection.core.windows.reference import FrameTallies
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.bench.windows import Rows, monitor_of


def _columns(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    gaps = rng.normal(size=rows)
    gaps[rng.random(rows) < 0.1] = np.nan
    return {
        "normal": rng.normal(size=rows),
        "gaps": gaps,
        "flag": (rng.random(rows) < 0.01).astype(float),
        "constant": np.full(rows, 3.0),
        "counts": rng.poisson(2, rows).astype(float),
        "none": np.full(rows, np.nan),
    }


@pytest.mark.parametrize("rows", [1, 40, 2_500])
def test_rows_are_binned_and_counted_as_by_numpy(rows: int) -> None:
    rng = np.random.default_rng(rows)
    reference = monitor_of(_columns(3_000, rng), 1.0, 6).battery.reference
    columns = _columns(rows, rng)
    columns["normal"][:1] = 1e300
    columns["counts"][-1:] = -1e300
    columns["normal"][1:2] = np.inf
    columns["constant"][2:3] = np.inf
    plain = FrameTallies(reference, Rows(columns))
    compiled = FrameTallies(reference, Rows(columns), frame_kernel)
    cut = Rings(200, 50, reference.width).cut(rows)
    assert np.array_equal(plain.count(slice(0, rows), cut), compiled.count(slice(0, rows), cut))
    parts = [np.sort(part) for part in np.array_split(rng.permutation(rows), 3) if len(part)]
    cuts = [(part, Rings(200, 50, reference.width).cut(len(part))) for part in parts]
    for one, other in zip(plain.count_each(cuts), compiled.count_each(cuts), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(20))
def test_evidence_is_added_up_as_by_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    up, down = np.sort(rng.integers(1, 900, 5)), np.sort(rng.integers(1, 400, 5))
    threshold = int(rng.integers(2_000, 9_000))
    plain, compiled = Cusum.empty(5), Cusum.empty(5)
    for _ in range(60):
        losses = (rng.random(int(rng.integers(0, 80))) < rng.choice([0.02, 0.2, 0.6])).astype(np.int64)
        wanted = plain.take_events(np.flatnonzero(losses), len(losses), up, down, threshold)
        found = frame_kernel.add_evidence(losses, up, down, threshold, compiled.sums, compiled.age)
        assert found == (-1 if wanted is None else wanted)
        assert (compiled.sums.tolist(), compiled.age.tolist()) == (plain.sums.tolist(), plain.age.tolist())


def test_only_a_large_frame_loads_the_compiled_loops() -> None:
    assert FRAME.for_size(ROWS - 1) is None
    assert FRAME.for_size(ROWS) is frame_kernel


@pytest.mark.parametrize("seed", range(10))
def test_scores_of_few_classes_are_those_of_many(seed: int) -> None:
    """A class with one row more than are worked out without numpy: the others' own F1 must not change."""
    rng = np.random.default_rng(seed)
    spec = ModelSpec(model_id="m", task="multiclass", features={"x": Feature()}, target={"y": TargetField()})
    measures = ("loss", "lag_seconds", "confidence", "correct", "said", "true")
    classes = ClassNames([f"c{place}" for place in range(FEW - 1)])
    recent = RecentQuality(measures, classes)
    true = rng.integers(0, FEW - 1, 1_000).astype(float)
    said = np.where(rng.random(1_000) < 0.8, true, rng.integers(0, FEW - 1, 1_000)).astype(float)
    wrong = (said != true).astype(float)
    recent.push(np.stack([wrong, np.zeros(1_000), np.full(1_000, 0.5), 1 - wrong, said, true]))
    found = quality_metrics(recent, spec)
    both = np.bincount(true[said == true].astype(int), minlength=FEW - 1)
    precision = both / np.bincount(said.astype(int), minlength=FEW - 1)
    recall = both / np.bincount(true.astype(int), minlength=FEW - 1)
    scores = 2 * precision * recall / (precision + recall)
    assert (found["precision"], found["recall"], found["f1"]) == (precision.mean(), recall.mean(), scores.mean())


def test_the_newest_counts_of_some_bins_are_those_of_the_newest_tally() -> None:
    rng = np.random.default_rng(2)
    for settings in ({}, {"window_seconds": 40.0}):
        rings = Rings(100, 10, 9, first_column=4, bins=7, **settings)
        assert rings.latest_counts(slice(0, 3)) is None
        for start in range(0, 400, 50):
            cut = rings.cut(50, np.arange(start, start + 50) * 1000)
            tallies = np.zeros((cut.blocks, 9), np.int64)
            np.add.at(tallies, (cut.places, rng.integers(0, 4, 50)), 1)
            rings.push(tallies, cut)
            latest, found = rings.latest(), rings.latest_counts(slice(1, 6))
            assert (latest is None) == (found is None)
            if latest is not None and found is not None:
                assert found.tolist() == latest[0][1:6].tolist()
