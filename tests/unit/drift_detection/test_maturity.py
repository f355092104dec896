"""Rows old enough for their labels to be in, apart from the others: a matter of rows, never of frames."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.contracts.drift_status import DriftStatus
from driftloop.spec.model_spec import LabelDelay

ROWS = 1200


def late_labels(stream: Any, seed: int, jump: int) -> Any:
    """Predictions a minute apart whose labels come up to 700 minutes later, or never; a twelfth are corrected then.

    `jump` minutes pass halfway in which there is no row; the second half has another version.
    """
    rng = np.random.default_rng(seed)
    right = stream(ROWS, seed=seed)
    minute = np.arange(ROWS) + jump * (np.arange(ROWS) >= ROWS // 2)
    late = np.where(rng.random(ROWS) < 0.2, 0.0, rng.exponential(120, ROWS).clip(max=700) + 1)
    told = [(minute[row], row, "outcome" if late[row] == 0 else "prediction") for row in range(ROWS)]
    told += [(minute[row] + late[row], row, "label") for row in range(ROWS) if late[row] > 0 and rng.random() < 0.9]
    told += [
        (at + 1 + rng.integers(100), row, "correction")
        for at, row, event in told
        if event in {"label", "outcome"} and rng.random() < 1 / 12
    ]
    order = sorted(told)
    places = np.array([row for _, row, _ in order])
    rows = stream(len(order))
    rows.columns = {name: values[places] for name, values in right.columns.items()}
    rows.columns["event"] = np.array([event for _, _, event in order], dtype=object)
    rows.columns["place"] = minute[places]
    rows.columns["version"] = np.where(places < ROWS // 2, "1.0.0", "1.1.0").astype(object)
    again = rows.columns["event"] == "correction"
    rows.columns["ok"][again] = np.where(rows.columns["ok"][again] == "1", "0", "1")
    return rows


def maturity(status: DriftStatus) -> dict[str, float]:
    return {name: value for name, value in status.metrics.items() if name.startswith(("mature_", "provisional_"))}


def published(watched: Any, rows: Any, cuts: list[int]) -> list[dict[str, float]]:
    """What is published of the whole model after each frame."""
    watched.feed(rows, cuts=cuts)
    return [maturity(status) for status in watched.statuses if not status.segment]


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 20),
    jump=st.sampled_from([0, 100, 5000]),
    minutes=st.sampled_from([20, 200]),
    cuts=st.lists(st.integers(1, ROWS - 1), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_mature_and_provisional_rows_are_the_same_however_rows_are_cut_into_frames(
    seed: int, jump: int, minutes: int, cuts: list[int], detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = late_labels(stream, seed, jump)
    spec = make_spec(label_delay=LabelDelay(expected_seconds=60.0 * minutes))
    versions = ("1.0.0", "1.1.0")
    parts = published(detection(spec, versions), rows, cuts)
    for cut, found in zip(cuts, parts, strict=False):
        whole = detection(spec, versions)
        whole.feed(rows, stop=cut)
        assert found == maturity(whole.statuses[-1])
    assert parts[-1] == published(detection(spec, versions), rows, [])[-1]
