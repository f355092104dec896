"""Detectors on streams whose changes are known: delay, misses, false alarms, beside river's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.tools.bench.peers import DEFAULT, SLOW, Contestant, contestants
from driftloop.tools.bench.recorded import RecordedDrift, recorded_drifts, stationary_errors
from driftloop.tools.bench.regression import regression
from driftloop.tools.bench.scoring import Score, score
from driftloop.tools.bench.streams import BASE, BEFORE, IMPROVEMENT, RAMP, RISES, change, errors

Floats = NDArray[np.float64]
Say = Callable[[str], None]

STATIONARY = (0.02, BASE, 0.3)
ROWS = 2_000_000
OWN_ROWS = 10_000_000
"""Rows on which the default's false alarms are counted: less than one in a million needs many to be seen."""
PART = 500_000
SLOW_SHARE = 100
"""A detector of a thousandth of the others' speed gets this much less to do, and the result says so."""


def bench_detectors(seeds: int, rows: int, folder: Path | None, say: Say) -> dict[str, Any]:
    """All of the protocol's section 1; `rows` stationary rows for each share of errors."""
    real = recorded_drifts(folder) if folder else []
    control = stationary_errors(folder) if folder else []
    result: dict[str, Any] = {"default": DEFAULT, "detectors": {}, "real": {}, "stationary": {}}
    for name, run in contestants().items():
        say(name)
        slow = SLOW_SHARE if name in SLOW else 1
        own = name == DEFAULT
        result["detectors"][name] = _synthetic(
            run, max(seeds // slow, 2), (max(rows, OWN_ROWS) if own else rows) // slow
        )
        if real:
            result["real"][name] = _real(run, real)
        if control and name not in SLOW:
            result["stationary"][name] = {"streams": len(control), "alarms": sum(len(run(one)) for one in control)}
    result["regression"] = regression(rows, seeds, say)
    return result


def _synthetic(run: Contestant, seeds: int, rows: int) -> dict[str, Any]:
    names = [*RISES, RAMP]
    scores = {name: [_scored(run, change(name, seed)) for seed in range(seeds)] for name in names}
    delays = {name: [one.delays[0] for one in of if one.delays[0] is not None] for name, of in scores.items()}
    found = [one for of in scores.values() for one in of if one.delays[0] is not None]
    improved = [
        len([row for row in run(change(IMPROVEMENT, seed)) if row >= BEFORE]) for seed in range(max(seeds // 5, 2))
    ]
    return {
        "delay": {name: _rounded(np.mean(of)) if of else None for name, of in delays.items()},
        "median_delay": {name: _rounded(np.median(of)) if of else None for name, of in delays.items()},
        "missed": {name: sum(one.delays[0] is None for one in of) for name, of in scores.items()},
        "recall": {name: float(np.mean([one.recall for one in of])) for name, of in scores.items()},
        "false_alarms_per_million": {str(share): _false_alarms(run, share, rows) for share in STATIONARY},
        "alarms_per_drift": _rounded(np.mean([1 + one.repeats for one in found])) if found else None,
        "alarms_on_improvement": float(np.mean(improved)),
        "false_alarms_before_the_change": sum(one.false_alarms for of in scores.values() for one in of),
        "seeds": seeds,
        "stationary_rows": rows,
    }


def _scored(run: Contestant, values: Floats) -> Score:
    return score(run(values), [BEFORE], len(values))


def _false_alarms(run: Contestant, share: float, rows: int) -> float:
    """Alarms per million rows, over streams of at most 500,000 rows."""
    parts = [min(PART, rows - start) for start in range(0, rows, PART)]
    alarms = sum(len(run(errors(share, part, seed=10_000 + seed))) for seed, part in enumerate(parts))
    return _rounded(alarms * 1e6 / rows)


def _real(run: Contestant, drifts: Sequence[RecordedDrift]) -> dict[str, Any]:
    scores = [score(run(drift.errors), [drift.change], len(drift.errors)) for drift in drifts]
    return {
        "delays": [one.delays[0] for one in scores],
        "false_alarms": sum(one.false_alarms for one in scores),
        "drifts": [f"{drift.stream} {drift.row}" for drift in drifts],
    }


def bench_own_errors(values: Floats, changes: Sequence[int]) -> dict[str, Any]:
    """Every detector on one stream of errors; those that need 0/1 errors are left out for others."""
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    bound = 1.0 if binary else float(np.quantile(values, 0.995)) or 1.0
    result: dict[str, Any] = {
        "default": DEFAULT if binary else "betting-cusum", "rows": len(values), "changes": [*changes], "detectors": {},
    }  # fmt: skip
    for name, run in contestants(bound).items():
        if not binary and (name == DEFAULT or name.rpartition(" ")[2] in {"DDM", "EDDM", "HDDM-A", "HDDM-W"}):
            continue
        alarms = run(values)
        one = score(alarms, changes, len(values))
        result["detectors"][name] = {
            "delays": [*one.delays],
            "missed": sum(delay is None for delay in one.delays),
            "recall": one.recall,
            "false_alarms": one.false_alarms,
            "repeated_alarms": one.repeats,
            "alarms": alarms[:1000],
        }
    return result


def _rounded(value: Any) -> float:
    return round(float(value), 3)
