"""Odd but valid models in production, and what detection rightly says of them."""

from typing import Any

import numpy as np
import pytest

from drift_detection.core.labels.selection import is_selected
from drift_detection.core.monitors.error_monitor import ErrorMonitor
from drift_detection.core.sliding_windows import Cut
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.bench.windows import Rows, monitor_of

ROWS = 3000
NOISE = np.random.default_rng(0).normal(size=ROWS)
SINGLE = np.random.default_rng(1).choice([0.1, 0.2, 0.7], ROWS)


def wild(was: Any, live: np.ndarray, alarms: int, given: str, right: str) -> Any:
    marks = pytest.mark.wild(area="detection", given=given, right=right)
    return pytest.param(was, live, alarms, marks=marks, id=given.replace(" ", "-"))


@pytest.mark.parametrize(
    ("was", "live", "alarms"),
    [
        wild(np.zeros(1500), np.ones(ROWS), 1, "a flag that was always 0 turns 1", "one shift"),
        wild(np.full(1500, 5.0), np.full(ROWS, -1e6), 1, "a constant 5 becomes −1,000,000", "one shift"),
        wild(np.full(1500, np.nan), NOISE, 1, "a feature that was always null gets numbers", "one shift"),
        wild(np.full(1500, 0.1 + 0.2), np.full(ROWS, 0.3), 0, "0.30000000000000004 becomes 0.3", "no shift"),
        wild(
            SINGLE.astype(np.float32).astype(float), SINGLE, 0, "float32 in training and float64 in serving", "no shift"
        ),
    ],
)
def test_columns(was: np.ndarray, live: np.ndarray, alarms: int) -> None:
    monitor, found = monitor_of({"z": was}, 1.0, 10), 0
    for first in range(0, ROWS, 1000):
        part = live[first : first + 1000]
        cut: Cut = monitor.rings.cut(len(part))
        tallies = monitor.battery.reference.tallies(Rows({"z": part})).count(slice(0, len(part)), cut)
        found += len(monitor.push(tallies, cut))
    assert found == alarms


@pytest.mark.wild(
    area="detection",
    given="a small rise of the error, found 2,500 rows after its onset",
    right="the mean that is said is that of these rows, not of the last 200",
)
def test_a_rise_that_is_found_late() -> None:
    spec = ModelSpec(model_id="m", task="binary", features={"x": Feature()}, target={"y": TargetField()})
    rng = np.random.default_rng(3)
    losses = np.concatenate([rng.random(9000) < 0.053, rng.random(9000) < 0.08]).astype(float)
    alarm = ErrorMonitor(spec, LossProfile(rows=5000, mean=0.053, variance=0.05, bound=1.0), 1e-6).push(losses)[0]
    end = alarm.index + 1
    assert alarm.current == pytest.approx(losses[end - alarm.onset_rows_ago : end].mean())


@pytest.mark.wild(
    area="detection", given="labels for predicted positives only", right="a selection of labels, not a harm"
)
def test_labels_for_positives_only() -> None:
    assert is_selected({"1": 60}, {"0": 300, "1": 100})
