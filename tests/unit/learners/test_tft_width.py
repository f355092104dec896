"""Widths of intervals: the newest rows that are put aside, and the width that covers what was missed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.learners.protocol import Rows
from driftloop.learners.recency import by_age
from driftloop.learners.tft_model import TftModel
from driftloop.learners.tft_width import learnt_until, newest_apart, unlearnt, widened
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.recency import RecencyRule

STEP_MS = 60_000


def spec_of(horizon=3, share=0.2, quantiles=(0.1, 0.5, 0.9)):
    return ModelSpec.model_validate(
        {
            "model_id": "load", "task": "forecast", "features": {"past": {"kind": "series"}},
            "target": {"cpu": {"kind": "series"}},
            "forecast": {"horizon": horizon, "step_seconds": 60, "quantiles": quantiles},
            "training": {"validation_share": share},
        }
    )  # fmt: skip


def rows_of(steps):
    at = np.asarray(steps, dtype=np.int64) * STEP_MS
    return Rows({"past": np.arange(len(at), dtype=np.float64)[:, None]}, at=at)


@given(
    gaps=st.lists(st.integers(0, 4), min_size=1, max_size=200),
    horizon=st.integers(1, 20),
    share=st.floats(0.05, 0.6),
)
def test_no_row_that_is_learnt_shares_a_truth_with_one_that_is_measured(gaps, horizon, share):
    rows = rows_of(np.cumsum(gaps))
    found = newest_apart(spec_of(horizon, share), rows)
    if found is None:
        held = round(share * len(rows))
        first = rows.at[len(rows) - held] if held else np.inf
        assert held < 20 or (rows.at[: len(rows) - held] + horizon * STEP_MS > first).all()
        return
    before, newest = found
    assert len(newest) == round(share * len(rows))
    assert newest.at.tolist() == rows.at[-len(newest) :].tolist()
    ends = rows.at + horizon * STEP_MS
    assert before.at.tolist() == rows.at[: -len(newest)][ends[: -len(newest)] <= newest.at.min()].tolist()


def test_without_an_interval_nothing_is_put_aside():
    assert newest_apart(spec_of(quantiles=()), rows_of(range(200))) is None
    assert newest_apart(spec_of(), rows_of(range(200))) is not None


def test_what_is_learnt_again_has_weight_however_much_newer_the_rows_are_that_are_put_aside():
    rows = rows_of(range(200))
    before, newest = newest_apart(spec_of(), by_age(rows, RecencyRule(half_life_rows=1)))
    assert before.weights[-3:].tolist() == [0.25, 0.5, 1.0]
    assert newest.weights[-1] == 1.0
    gone = replace(rows, weights=np.where(np.arange(200) < 160, 0.0, 1.0))
    assert newest_apart(spec_of(), gone) is None


def test_rows_without_a_time_are_put_aside_by_their_order():
    rows = Rows({"past": np.arange(200.0)[:, None]})
    before, newest = newest_apart(spec_of(), rows)
    assert (len(before), len(newest)) == (160, 40)


def model_of(until, spec=None):
    return TftModel(spec or spec_of(), None, (0.1, 0.5, 0.9), {}, {}, widen=1.7, learnt_until=until)


@given(until=st.integers(0, 260), horizon=st.integers(1, 20), share=st.floats(0.2, 0.6))
def test_no_row_that_is_measured_shares_a_truth_with_one_that_the_base_learnt(until, horizon, share):
    rows, spec = rows_of(range(200)), spec_of(horizon, share)
    base = model_of(learnt_until(spec, rows_of(range(until)), None))
    whole = rows.take(slice(200 - round(share * 200), 200))
    kept = [moment for moment in whole.at if moment >= (until - 1 + horizon) * STEP_MS or not until]
    found = newest_apart(spec, rows, base)
    assert unlearnt(whole, base).at.tolist() == kept
    if found is not None:
        assert found[1].at.tolist() == kept
    else:
        assert len(kept) < 20


def test_what_a_version_has_learnt_is_what_its_bases_have_too():
    spec, rows = spec_of(horizon=3), rows_of(range(10))
    assert learnt_until(spec, rows, None) == 12 * STEP_MS
    assert learnt_until(spec, rows, model_of(99 * STEP_MS)) == 99 * STEP_MS
    assert learnt_until(spec, rows, model_of(STEP_MS)) == 12 * STEP_MS
    assert learnt_until(spec, replace(rows, at=None), model_of(None)) is None


@pytest.mark.parametrize(("rows", "base"), [(rows_of(range(200)), model_of(None)), (rows_of(range(200)), None)])
def test_of_a_base_that_does_not_tell_what_it_learnt_all_rows_count(rows, base):
    assert len(newest_apart(spec_of(), rows, base)[1]) == 40


@pytest.mark.parametrize(
    ("missed", "width"),
    [
        pytest.param(np.linspace(0, 2, 1001), 1.6, id="a share of .8 of the truths"),
        pytest.param(np.full(50, 40.0), 3.0, id="three times as wide at most"),
        pytest.param(np.full(50, 0.01), 1 / 3, id="a third at least"),
        pytest.param(np.empty(0), 1.7, id="as it is where nothing was measured"),
    ],
)
def test_a_width_covers_the_declared_share_of_what_was_missed(missed, width):
    model = TftModel(spec_of(), coder=None, quantiles=(0.1, 0.5, 0.9), sizes={}, arrays={}, widen=1.7)
    assert widened(model, missed).widen == pytest.approx(width, abs=1e-5)
