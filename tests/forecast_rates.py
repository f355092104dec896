"""How often detector and proof are wrong on overlapping forecasts: `python -m tests.forecast_rates [RUNS]`.

The hardest case: one series, a forecast at every step, so that a forecast shares all but one of its truths with the
next. Losses are means over a horizon of independent errors (`wander` 0) or of errors that hang together themselves.
Nothing ever changes, so every alarm is false, and of two equal versions none may be promoted but by the declared risk.
"""

import json
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from drift_detection.core.detectors.betting_cusum import BettingCusum
from drift_detection.core.detectors.protocol import Detector, LossReference
from drift_detection.core.monitors.error_monitor import ErrorMonitor
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.loss_blocks import block_profile
from driftloop.statistics.profiles import loss_profile
from retrain_coordinator.core.proof.paired_test import PairedTest

Floats = NDArray[np.float64]
BOUND = 4.0
RISK = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """A stream of forecasts: how many truths each shares, how errors hang together, and the rows that are looked at."""

    horizon: int
    wander: float
    held_out: int
    rows: int


def spec_of(horizon: int) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "model_id": "f",
            "task": "forecast",
            "features": {"past": {"kind": "series"}},
            "target": {"y": {"kind": "series"}},
            "forecast": {"horizon": horizon, "step_seconds": 60},
        }
    )


def errors(case: Case, count: int, random: np.random.Generator) -> Floats:
    """Errors of one step each; with `wander`, an AR(1) process of that correlation."""
    shocks = random.standard_normal(count)
    if not case.wander:
        return shocks
    scaled = np.sqrt(1 - case.wander**2) * shocks
    scaled[0] = shocks[0]
    return np.asarray(lfilter([1.0], [1.0, -case.wander], scaled))


def over_horizon(values: Floats, horizon: int) -> Floats:
    """The mean of the next `horizon` values, at every step."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    return (total[horizon:] - total[:-horizon]) / horizon


def alarms(case: Case, seed: int, rate: float, *, blocks: bool, rise: float = 0.0) -> int | None:
    """False alarms of one stream; with `rise`, the rows until the rise is found (None where it is not)."""
    random = np.random.default_rng(seed)
    losses = over_horizon(np.abs(errors(case, case.held_out + case.rows + case.horizon, random)), case.horizon)
    losses[case.held_out :] *= 1 + rise
    held, seen = losses[: case.held_out], losses[case.held_out :]
    profile = loss_profile(held, BOUND)
    if not blocks:
        return counted(BettingCusum(LossReference.of(profile), false_alarm_rate=rate), seen)
    whole = profile.model_copy(update={"blocks": block_profile(held, BOUND, case.horizon)})
    monitor = monitor_of(case, whole, rate)
    found = monitor.push(seen)
    if rise:
        return found[0].index if found else None
    return len(found)


def monitor_of(case: Case, profile: LossProfile, rate: float) -> ErrorMonitor:
    return ErrorMonitor(spec_of(case.horizon), profile, rate)


def counted(detector: Detector, losses: Floats) -> int:
    found, at = 0, 0
    while at < len(losses):
        alarm = detector.update_many(losses[at:])
        if alarm is None:
            return found
        found, at = found + 1, at + alarm + 1
    return found


def is_promoted(case: Case, seed: int, *, overlap: float, gain: float = 0.0) -> bool:
    """Whether a version that is better by `gain` of the bound is proven so within the rows."""
    random = np.random.default_rng(seed)
    one, other = (over_horizon(np.abs(errors(case, case.rows + case.horizon, random)), case.horizon) for _ in range(2))
    bound = float(np.quantile(one, 0.99))
    return PairedTest(overlap=overlap).after((one - other) / bound + gain).proven(RISK)


def figures(runs: int) -> dict[str, object]:
    """The counts of `runs` streams a case."""
    told: dict[str, object] = {"runs": runs, "declared_alarms_a_stream": 0.1, "risk": RISK}
    for horizon, wander in ((24, 0.0), (24, 0.9), (96, 0.0), (96, 0.9)):
        case = Case(horizon, wander, held_out=1000, rows=20_000)
        rate = 0.1 / case.rows
        proof = Case(horizon, wander, held_out=0, rows=5_000)
        told[f"horizon {horizon}, errors with {wander}"] = {
            "alarms_of_rows": sum(alarms(case, seed, rate, blocks=False) or 0 for seed in range(runs)),
            "alarms_of_blocks": sum(alarms(case, seed, rate, blocks=True) or 0 for seed in range(runs)),
            "rise_of_half_found_after": sorted(
                alarms(case, seed, rate, blocks=True, rise=0.5) or case.rows for seed in range(runs)
            )[runs // 2],
            "promoted_as_rows": sum(is_promoted(proof, seed, overlap=1.0) for seed in range(runs)),
            "promoted_as_forecasts": sum(is_promoted(proof, seed, overlap=float(horizon)) for seed in range(runs)),
            "better_by_a_tenth_promoted": sum(
                is_promoted(proof, seed, overlap=float(horizon), gain=0.1) for seed in range(runs)
            ),
        }
    return told


if __name__ == "__main__":
    print(json.dumps(figures(int(sys.argv[1]) if len(sys.argv) > 1 else 200), indent=1))  # noqa: T201
