import numpy as np
import pytest

from driftloop.statistics.two_samples import psi_of_samples
from driftloop.testing.drift import inject_drift


def column(kind: str, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return {
        "normal": random.normal(10, 2, count),
        "log-normal": random.lognormal(0, 1, count),
        "uniform": random.uniform(-1, 1, count),
    }[kind]


@pytest.mark.parametrize("kind", ["normal", "log-normal", "uniform"])
@pytest.mark.parametrize("psi", [0.05, 0.1, 0.25, 0.35, 1.0, 3.0])
def test_the_psi_is_the_one_that_was_asked_for(kind, psi):
    reference, rows = column(kind, 5000, 1), column(kind, 2000, 2)
    moved = inject_drift(reference, rows, psi)
    assert psi_of_samples(reference, moved) == pytest.approx(psi, abs=0.02, rel=0.02)
    assert np.ptp(moved - rows) == pytest.approx(0, abs=1e-9)


def test_missing_values_stay_missing():
    rows = column("normal", 1000, 2)
    rows[::7] = np.nan
    assert np.array_equal(np.isnan(inject_drift(column("normal", 5000, 1), rows, 0.35)), np.isnan(rows))


@pytest.mark.parametrize("psi", [1e-6, 1e6])
def test_a_psi_that_cannot_be_made_is_refused(psi):
    with pytest.raises(ValueError, match="cannot be made"):
        inject_drift(column("normal", 5000, 1), column("normal", 500, 2), psi)
