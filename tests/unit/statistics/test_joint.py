"""How features go together, as two figures a row: exact in any batch, honest about rows to come, small."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import JointProfile
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.statistics.columns import numeric_profile
from driftloop.statistics.joint import FEWEST_ROWS, MOST, ROWS_A_FEATURE, Directions, joint_profile
from driftloop.statistics.profiles import make_profile
from driftloop.statistics.steps import FARTHEST, FRACTION, steps_of
from driftloop.testing.clock import START


def related(features: int, rows: int, seed: int = 0) -> np.ndarray:
    """Rows (features × rows) that two hidden causes move together."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(features, 2)) @ rng.normal(size=(2, rows)) + 0.5 * rng.normal(size=(features, rows))


def profile_of(columns: np.ndarray) -> JointProfile | None:
    named = {f"x{place}": column for place, column in enumerate(columns)}
    return joint_profile(named, {name: numeric_profile(column) for name, column in named.items()})


def steps(columns: np.ndarray) -> np.ndarray:
    return np.array([steps_of(column, float(column.mean()), float(column.std())) for column in columns])


@settings(max_examples=60, deadline=None)
@given(
    features=st.integers(2, 90),
    seed=st.integers(0, 1000),
    cuts=st.lists(st.integers(0, 400), max_size=12).map(sorted),
    farthest=st.booleans(),
)
def test_a_rows_figures_are_the_same_in_whatever_batch_it_comes(
    features: int, seed: int, cuts: list[int], farthest: bool
) -> None:
    rows = steps(related(features, 401, seed))
    directions = Directions.fitted(rows)
    if farthest:
        rows[:, ::3] = np.sign(rows[:, ::3]) * FARTHEST
    whole = directions.distances(rows)
    parts = [directions.distances(rows[:, start:stop]) for start, stop in pairwise([0, *cuts, 401])]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    backwards = directions.distances(np.asfortranarray(rows)[:, ::-1])
    assert np.array_equal(backwards[:, ::-1], whole)


def test_the_figures_are_the_distances_along_the_principal_components() -> None:
    rows = steps(related(6, 3000))
    directions = Directions.fitted(rows)
    table = rows / FRACTION
    variances, vectors = np.linalg.eigh(table @ table.T / 3000)
    along = (vectors.T @ table) ** 2 / variances[:, None]
    distance, residual = directions.distances(rows)
    assert directions.leading == 3
    assert distance == pytest.approx(np.sqrt(along[3:].sum(axis=0)), abs=0.01)
    assert residual == pytest.approx(np.sqrt(along[:3].sum(axis=0)), abs=0.01)


def test_a_profile_gives_back_the_directions_that_it_was_made_of() -> None:
    columns = related(50, 2000)
    profile = profile_of(columns)
    assert profile is not None
    kept = Directions.of(JointProfile.from_json(profile.to_json()))
    named = [numeric_profile(column) for column in columns]
    rows = np.array(
        [steps_of(one, of.mean, float(np.sqrt(of.variance))) for one, of in zip(columns, named, strict=True)]
    )
    made = Directions.fitted(rows[:, :1000])
    assert np.array_equal(kept.weights, made.weights)
    assert kept.bits.tolist() == made.bits.tolist()
    assert kept.weights.shape == (2 * MOST, 50)
    assert profile.distance.rows == 1000


@pytest.mark.parametrize("features", [10, 60])
def test_the_reference_is_what_rows_to_come_will_show(features: int) -> None:
    columns = related(features, 12_000)
    learnt = columns[:, :2000]
    profile = profile_of(learnt)
    assert profile is not None
    coming = np.array(
        [
            steps_of(one, float(of.mean()), float(of.std(ddof=1)))
            for one, of in zip(columns[:, 2000:], learnt, strict=True)
        ]
    )
    distance, residual = Directions.of(profile).distances(coming)
    scatter = float(np.sqrt(profile.residual.variance / profile.residual.rows))
    assert residual.mean() == pytest.approx(profile.residual.mean, abs=4 * scatter)
    assert distance.mean() == pytest.approx(profile.distance.mean, abs=0.1)


def test_a_missing_value_counts_as_the_mean() -> None:
    columns = related(4, 1000)
    columns[1, 10:400] = np.nan
    profile = profile_of(columns)
    assert profile is not None
    assert profile.distance.missing == profile.residual.missing == 0


def test_features_that_do_not_vary_or_are_too_few_tell_nothing_together() -> None:
    columns = related(3, 1000)
    columns[0] = 7.0
    assert profile_of(columns[:2]) is None
    found = profile_of(columns)
    assert found is not None
    assert found.features == ("x1", "x2")
    assert profile_of(np.empty((0, 100))) is None
    assert profile_of(related(2, 2 * FEWEST_ROWS - 1)) is None
    assert profile_of(related(60, 2 * 60 * ROWS_A_FEATURE - 1)) is None


def test_a_relation_without_exception_is_watched_too() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=2000)
    profile = profile_of(np.array([one, 3 * one, rng.normal(size=2000)]))
    assert profile is not None
    kept = Directions.of(profile)
    broken = np.array([[256], [-256], [0]])
    whole = np.array([[256], [256], [0]])
    assert kept.distances(broken)[1, 0] > 50 * kept.distances(whole)[1, 0]


def test_the_profile_of_a_hundred_features_has_at_most_100_kilobytes() -> None:
    spec = ModelSpec(
        model_id="wide",
        task="binary",
        features={f"sensor_reading_{place:03d}": Feature() for place in range(100)},
        target={"ok": TargetField()},
    )
    columns = dict(zip(spec.features, related(100, 4000), strict=True))
    ok = np.where(np.arange(4000) % 2, "1", "0").astype(object)
    said = Predictions({"ok": ok}, np.random.default_rng(1).random(4000))
    profile = make_profile(
        "wide",
        "1.0.0",
        spec,
        1,
        Rows(columns, {"ok": ok}),
        said,
        np.zeros(4000),
        1.0,
        message_id=derive_id("profile"),
        occurred_at=START,
    )
    assert profile.joint is not None
    assert len(profile.to_json()) <= 100_000
