"""Columns that were one value, or none, when a version learnt are watched within the same budget."""

from typing import Any

import numpy as np
import pytest

from drift_detection.core.sliding_windows import Cut
from driftloop.tools.bench.windows import Rows, monitor_of

ROWS = 6000


def shifts(reference: np.ndarray, live: np.ndarray, per_million: float = 1.0) -> list[str]:
    """The tests that alarmed on a column, in a model of ten."""
    monitor = monitor_of({"z": reference}, per_million, 10)
    found = []
    for first in range(0, len(live), 1000):
        part = live[first : first + 1000]
        cut: Cut = monitor.rings.cut(len(part))
        tallies = monitor.battery.reference.tallies(Rows({"z": part})).count(slice(0, len(part)), cut)
        found += [shift.test for shift in monitor.push(tallies, cut)]
    return found


def full(value: Any, rows: int = ROWS) -> np.ndarray:
    return np.full(rows, value, dtype=object if isinstance(value, str) or value is None else float)


NOISE = np.random.default_rng(0).normal(size=ROWS)


@pytest.mark.parametrize(
    ("was", "live"),
    [
        (0.0, full(1.0)),
        (1.0, full(0.0)),
        (5.0, full(-1e6)),
        (5.0, 5.0 + NOISE),
        (5.0, full(6.0)),
        (1.7e12, full(1.7e12 + 6e6)),
        (0.0, full(1e-6)),
        (np.nan, NOISE),
        (np.nan, np.where(np.arange(ROWS) % 20 == 0, 3.0, np.nan)),
        (5.0, full(np.nan)),
        (5.0, np.where(np.arange(ROWS) % 20 == 0, 6.0, 5.0)),
        ("a", full("b")),
        (None, full("a")),
    ],
)
def test_a_departure_from_a_constant_is_said_once(was: Any, live: np.ndarray) -> None:
    assert len(shifts(full(was, 1500), live)) == 1


SINGLE = np.random.default_rng(1).choice([0.1, 0.2, 0.7], ROWS)
MANY = np.round(np.random.default_rng(2).choice(np.arange(1, 60) / 100, ROWS), 2)


@pytest.mark.parametrize(
    ("was", "live"),
    [
        (full(5.0, 1500), 5.0 + 1e-12 * NOISE),
        (full(0.1 + 0.2, 1500), full(0.3)),
        (full(float(np.float32(0.1)), 1500), full(0.1)),
        (full(0.0, 1500), 1e-17 * NOISE),
        (full(np.nan, 1500), full(np.nan)),
        (full(None, 1500), full(None)),
        (SINGLE.astype(np.float32).astype(float), SINGLE),
        (SINGLE, SINGLE.astype(np.float32).astype(float)),
        (MANY.astype(np.float32).astype(float), MANY),
        (MANY, MANY.astype(np.float32).astype(float)),
    ],
)
def test_what_rounding_moves_is_no_shift(was: np.ndarray, live: np.ndarray) -> None:
    assert shifts(was, live, per_million=20.0) == []


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.001])
def test_columns_that_are_almost_constant_stay_within_the_budget(share: float) -> None:
    """Of 40 streams of 50,000 rows at 20 false alarms a million, about 40 were declared for a model of ten columns."""
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        draw = [np.where(rng.random(rows) < share, 1.0, 0.0) for rows in (5000, 50_000)]
        found += len(shifts(draw[0], draw[1], per_million=20.0))
    assert found <= 4


def test_a_confidence_that_is_not_sent_is_no_missing_value(detection: Any, stream: Any) -> None:
    rows = stream(6000, seed=61)
    rows.columns["confidence"][:] = np.nan
    watched = detection()
    watched.feed(rows, cuts=[1500, 3100])
    assert watched.signals == []
    rows = stream(6000, seed=62)
    rows.columns["confidence"][np.arange(6000) % 3 > 0] = np.nan
    rows.columns["confidence"][3000:] -= 0.3
    watched = detection()
    watched.feed(rows, cuts=[1500, 3100])
    assert {signal.kind for signal in watched.signals if not signal.segment} == {"confidence"}
    assert all(signal.raised.row > 3000 for signal in watched.signals)
