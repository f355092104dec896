"""Declared features that most rows lack are told from holes, in models of any width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcome_ingestion.core.absent_features import AbsentFeatures


def told(seen, names, rng, shares, *, frames, rows):
    """How often a look after a frame names a feature; each feature is missing by its share."""
    looks = []
    for _ in range(frames):
        seen.after(names, (rng.random((rows, len(names))) < shares).sum(axis=0).tolist(), rows)
        looks.append(seen.names)
    return looks


@pytest.mark.parametrize("rows", [1, 3, 50, 5_000])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5])
def test_a_wide_model_with_holes_in_each_feature_is_never_told_of(rows, share):
    names = tuple(f"f{number}" for number in range(400))
    looks = told(AbsentFeatures(), names, np.random.default_rng(7), share, frames=min(600, 60_000 // rows), rows=rows)
    assert not any(looks)


@pytest.mark.parametrize("rows", [1, 3, 50, 5_000])
def test_one_renamed_feature_of_a_wide_model_is_named_soon_and_no_more_once_it_comes_back(rows):
    names, rng, seen = tuple(f"f{number}" for number in range(400)), np.random.default_rng(7), AbsentFeatures()
    shares = np.full(400, 0.02)
    told(seen, names, rng, shares, frames=-(-3_000 // rows), rows=rows)
    shares[17] = 1.0
    assert told(seen, names, rng, shares, frames=-(-3_000 // rows), rows=rows)[-1] == ("f17",)
    shares[17] = 0.02
    assert told(seen, names, rng, shares, frames=-(-3_000 // rows), rows=rows)[-1] == ()


@given(width=st.integers(1, 2_000), rows=st.integers(1, 500))
def test_the_rows_it_takes_grow_with_the_number_of_features(width, rows):
    seen = AbsentFeatures()
    seen.after([f"f{number}" for number in range(width)], [rows] + [0] * (width - 1), rows)
    assert bool(seen.names) == (rows > 2 * np.log(width / 1e-9))


def test_other_features_begin_anew():
    seen = AbsentFeatures()
    seen.after(("a", "b"), [100, 0], 100)
    assert seen.names == ("a",)
    seen.after(("a", "c"), [1, 1], 1)
    assert seen.names == ()
