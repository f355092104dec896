"""Fits are made once, kept on disk by what they depend on, and the same in every process."""

import numpy as np
import pytest

from driftloop.learners.entry_points import make_learner
from driftloop.tools.backtest.crew import Crew
from driftloop.tools.backtest.fits import Fits
from driftloop.tools.backtest.layout import Layout
from driftloop.tools.backtest.options import BacktestOptions
from driftloop.tools.backtest.outcome import backtest
from driftloop.tools.backtest.prefit import models_of, prefit


class Counting:
    """A learner that counts its fits."""

    def __init__(self, stream):
        self.inner, self.fits = make_learner(stream.spec, "linear", {}), 0

    def fit(self, rows, held_out, **rest):
        self.fits += 1
        return self.inner.fit(rows, held_out, **rest)

    def load(self, folder):
        return self.inner.load(folder)


@pytest.fixture
def stream(make_stream):
    return make_stream([0] * 60 + [1] * 40, noise=0.2)


def test_an_interrupted_run_goes_on_from_what_it_kept(stream, tmp_path):
    first, second = Counting(stream), Counting(stream)
    kept = Fits(stream, "linear", first, tmp_path).get(0, 40)
    again = Fits(stream, "linear", second, tmp_path).get(0, 40)
    assert (first.fits, second.fits) == (1, 0)
    assert np.array_equal(kept.losses, again.losses)


def test_another_seed_learner_or_stream_is_another_fit(stream, make_stream, tmp_path):
    Fits(stream, "linear", Counting(stream), tmp_path).get(0, 40)
    other = make_stream([0] * 60 + [1] * 40, noise=0.2, seed=1)
    for again in (
        Fits(stream, "linear", Counting(stream), tmp_path, seed=7),
        Fits(stream, "other", Counting(stream), tmp_path),
        Fits(other, "linear", Counting(other), tmp_path),
    ):
        assert not again.has(0, 40)


def test_a_fit_that_was_cut_off_while_it_was_written_is_made_again(stream, tmp_path):
    fits = Fits(stream, "linear", Counting(stream), tmp_path)
    fits.get(0, 40)
    (kept,) = tmp_path.rglob("*.npz")
    kept.rename(kept.with_suffix(".part"))
    assert not Fits(stream, "linear", Counting(stream), tmp_path).has(0, 40)


@pytest.mark.slow
def test_two_processes_make_the_same_fits_as_one(stream, make_table, tmp_path):
    layout = Layout(40, 10, (20, 40))
    alone, together = make_table(stream, layout), make_table(stream, layout, folder=tmp_path)
    prefit(alone, None, lambda _text: None)
    with Crew(together, tmp_path, 2) as crew:
        prefit(together, crew, lambda _text: None)
    for model in models_of(alone):
        assert together.fits.has(model.start, model.end)
        one, two = alone.fits.get(model.start, model.end), together.fits.get(model.start, model.end)
        assert np.array_equal(one.losses, two.losses)


@pytest.mark.slow
def test_processes_fit_each_probe_that_a_policy_looks_at_and_find_what_one_process_finds(stream, tmp_path):
    asked = {"first": 40, "block": 10, "windows": (20, 40), "learner": "linear"}
    alone = backtest(stream, BacktestOptions(**asked, cache=tmp_path / "alone"))
    together = backtest(stream, BacktestOptions(**asked, cache=tmp_path / "together", jobs=2))
    assert together.runs.keys() == alone.runs.keys()
    for name, runs in alone.runs.items():
        for share, run in runs.items():
            assert together.runs[name][share].steps == run.steps
            assert np.array_equal(together.runs[name][share].by_row, run.by_row)
    kept = {path.name for path in (tmp_path / "alone").rglob("*.npz")}
    assert kept <= {path.name for path in (tmp_path / "together").rglob("*.npz")}
    assert together.probe_seconds > 0
