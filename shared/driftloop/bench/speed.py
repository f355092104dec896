"""Speed on one core: CPU time, so that neighbours on the machine count as little as may be."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from drift_detection.core.windows.rings import Rings
from driftloop.bench.peers import DEFAULT, SLOW, contestants
from driftloop.bench.state import bench_state
from driftloop.bench.streams import errors
from driftloop.bench.watched import FRAME_ROWS, START, make_detection, make_frame, watched_columns
from driftloop.bench.windows import MINIMUM_ROWS, Rows, monitor_of

Say = Callable[[str], None]

FRAMES = 12


def bench_speed(rows: int, repeats: int, say: Say) -> dict[str, Any]:
    """All of the protocol's section 3; each figure is the best of `repeats`."""
    say("error detectors")
    speeds = _detectors(rows, repeats)
    say("reports")
    small, small_scipy = _report(1_000, 10, repeats), _scipy(1_000, 10, repeats)
    large = _report(10_000, 100, repeats)
    say("the whole core")
    core, snapshot = _core(repeats)
    say("the state of large models and of many")
    state = bench_state()
    return {
        "error_detector_rows_per_second": speeds[DEFAULT],
        "report_1000x10_ms": round(small * 1e3, 3),
        "report_10000x100_ms": round(large * 1e3, 3),
        "core_rows_per_second": round(core),
        "ratio_to_river_adwin": round(speeds[DEFAULT] / speeds["river ADWIN"], 2),
        "ratio_to_scipy": round(small_scipy / small, 2),
        "snapshot_bytes_10_features": snapshot,
        **state,
        "detectors_rows_per_second": speeds,
    }


def best_of(repeats: int, run: Callable[[], object]) -> float:
    """CPU seconds of the quickest of some runs.

    >>> best_of(2, lambda: None) < 0.1
    True
    """
    quickest = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        run()
        quickest = min(quickest, time.process_time() - begun)
    return max(quickest, 1e-9)


def _detectors(rows: int, repeats: int) -> dict[str, int]:
    speeds = {}
    for name, run in contestants().items():
        share = 100 if name in SLOW else 1 if not name.startswith("river") else 5
        values = errors(0.1, rows // share, seed=1)
        speeds[name] = round(len(values) / best_of(repeats, lambda run=run, values=values: run(values)))  # type: ignore[misc]
    return speeds


def _report(rows: int, features: int, repeats: int) -> float:
    """Seconds of KS, PSI, moments and the whole battery of one window, from raw columns to findings."""
    monitor = monitor_of(
        watched_columns(5_000, features, 1), 1.0, features, window_rows=rows, minimum_rows=MINIMUM_ROWS
    )
    current = Rows(watched_columns(rows, features, 2))
    whole = Rings(4 * rows, 1, 1).cut(rows)

    def once() -> None:
        tallies = monitor.battery.reference.tallies(current).count(slice(0, rows), whole)
        monitor.battery.run(tallies[:1], np.array([rows]))

    once()
    return best_of(max(repeats, 10), once)


def _scipy(rows: int, features: int, repeats: int) -> float:
    from scipy.stats import ks_2samp

    reference, current = watched_columns(rows, features, 1), watched_columns(rows, features, 2)
    return best_of(
        max(repeats, 5), lambda: [ks_2samp(reference[name], current[name], method="asymp") for name in reference]
    )


def _core(repeats: int) -> tuple[float, int]:
    """Rows per second of the core on frames of 5,000 rows, ten features, three segments; bytes of a snapshot."""
    records = [make_frame(place) for place in range(FRAMES)]
    fastest, size = 0.0, 0
    for _ in range(repeats):
        core = make_detection()
        for record in records[:2]:
            core.process([record], START)
        seconds = best_of(1, lambda core=core: [core.process([record], START) for record in records[2:]])  # type: ignore[misc]
        fastest = max(fastest, (FRAMES - 2) * FRAME_ROWS / seconds)
        size = sum(len(state) for _, state in core.snapshot(0))
    return fastest, size
