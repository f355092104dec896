"""One suite for every learner of series that is installed: what `driftloop.learners.protocol` promises of forecasts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from driftloop.learners.entry_points import learner_names, make_learner
from driftloop.learners.protocol import Rows, Step
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.forecasts import coverage, series_losses

pytestmark = pytest.mark.slow  # to import torch alone takes seconds
HORIZON, PAST = 6, 4
SPEC = ModelSpec.model_validate(
    {
        "model_id": "load",
        "task": "forecast",
        "features": {
            "server": {"kind": "category"},
            "level": {},
            "past": {"kind": "series"},
            "plan": {"kind": "series", "span": "horizon"},
        },
        "target": {"cpu": {"kind": "series"}},
        "forecast": {
            "horizon": HORIZON, "step_seconds": 600, "entity": "server", "quantiles": [0.1, 0.5, 0.9],
            "encoder_steps": PAST,
        },
    }
)  # fmt: skip
PARAMETERS = {"tft": {"hidden": 8, "epochs": 12, "batch_rows": 16, "learning_rate": 0.02}}


def is_forecaster(name):
    try:
        return getattr(make_learner(SPEC, name, {}), "forecasts", False)
    except ValueError as error:
        assert "learns no series" in str(error) or name == "onnx"  # noqa: PT017
        return False


NAMES = [name for name in learner_names() if is_forecaster(name)]
every = pytest.mark.parametrize("name", NAMES)


def rows_of(count=240, seed=0, gaps=True):
    rng = np.random.default_rng(seed)
    servers = rng.integers(0, 3, count)
    plan = (rng.random((count, HORIZON)) < 0.4).astype(np.float64)
    level = 40.0 + 10 * servers
    past = level[:, None] + rng.normal(size=(count, PAST))
    cpu = level[:, None] + 15 * plan + rng.normal(size=(count, HORIZON))
    if gaps:
        cpu[rng.random(cpu.shape) < 0.1] = np.nan
        past[rng.random(past.shape) < 0.1] = np.nan
    names = np.array([f"web-{server}" for server in servers], dtype=object)
    at = np.arange(count) * 600_000
    return Rows({"server": names, "level": level, "past": past, "plan": plan}, {"cpu": cpu}, at=at)


def fit(name, rows, *, held_out=None, warm_start=None, seed=3, steps=None):
    told = steps if steps is not None else []
    learner = make_learner(SPEC, name, PARAMETERS.get(name, {}))
    return learner.fit(rows, held_out, warm_start=warm_start, seed=seed, progress=told.append)


def stored(model, folder: Path):
    folder.mkdir(exist_ok=True, parents=True)
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def loss(model, rows):
    return series_losses((0.1, 0.5, 0.9), model.predict(rows).fields["cpu"], rows.labels["cpu"]).mean()


@pytest.fixture(scope="module")
def fitted():
    return {name: fit(name, rows_of(), held_out=rows_of(80, seed=8)) for name in NAMES}


@every
def test_the_same_rows_and_seed_give_the_same_files_and_no_pickle(name, fitted, tmp_path):
    one = stored(fitted[name], tmp_path / "one")
    assert one == stored(fit(name, rows_of(), held_out=rows_of(80, seed=8)), tmp_path / "other")
    assert {Path(file).suffix for file in one} <= {".json", ".safetensors"}
    json.loads(one["model.json"])


@every
def test_a_loaded_model_predicts_what_the_saved_one_does(name, fitted, tmp_path):
    stored(fitted[name], tmp_path)
    loaded, rows = make_learner(SPEC, name, {}).load(tmp_path), rows_of(30, seed=4)
    assert np.array_equal(loaded.predict(rows).fields["cpu"], fitted[name].predict(rows).fields["cpu"])


@every
def test_it_learns_what_is_planned_and_whose_series_it_is(name, fitted):
    later = rows_of(200, seed=9)
    middle = np.repeat(np.nanmean(later.labels["cpu"]), HORIZON * 3)[None, :].repeat(200, axis=0)
    naive = series_losses((0.1, 0.5, 0.9), middle, later.labels["cpu"]).mean()
    assert loss(fitted[name], later) < 0.3 * naive


def widths_of_a_run(name, rows, watched, everything):
    """Mean widths of a fit alone, and of the two of a run: watched, for the proof, and then on all rows."""
    learner, width = make_learner(SPEC, name, {**PARAMETERS.get(name, {}), "epochs": 3}), {}
    for fitted, learnt, held_out in (("alone", rows, None), ("proof", rows, watched), ("refit", everything, None)):
        model = learner.fit(learnt, held_out, warm_start=None, seed=3, progress=lambda _step: None)
        said = model.predict(rows).fields["cpu"].reshape(len(rows), HORIZON, 3)
        width[fitted] = float(np.mean(said[:, :, 2] - said[:, :, 0]))
    return width


def far_from_all(rows):
    """The rows with labels that no fit of others has learnt."""
    rows.labels["cpu"] = 40.0 + 6.0 * (rows.labels["cpu"] - 40.0)
    return rows


@every
def test_a_refit_of_too_few_rows_to_measure_a_width_keeps_that_of_the_fit_before_it(name):
    rows, watched = rows_of(90), far_from_all(rows_of(40, seed=8))
    width = widths_of_a_run(name, rows, watched, rows)
    assert width["refit"] > 1.5 * width["alone"]


@every
@pytest.mark.parametrize(("newest_are_far", "wide"), [(True, True), (False, False)], ids=["far", "near"])
def test_a_refit_is_as_wide_as_its_newest_rows_ask(name, newest_are_far, wide):
    """Both proofs watch rows that are far from all that was learnt. Only in one run the rows that follow are, too."""
    rows, watched = rows_of(120), far_from_all(rows_of(40, seed=8))
    everything = rows_of(160, seed=5)
    if newest_are_far:
        everything.labels["cpu"][120:] = watched.labels["cpu"]
    width = widths_of_a_run(name, rows, watched, everything)
    assert width["proof"] > 1.5 * width["alone"]
    assert (width["refit"] > 1.5 * width["alone"]) is wide


@every
def test_its_intervals_cover_what_they_say(name, fitted):
    later = rows_of(300, seed=11)
    inside = coverage(SPEC.forecast, fitted[name].predict(later).fields["cpu"], later.labels["cpu"])
    assert 0.72 < inside < 0.88


@every
def test_quantiles_do_not_cross(name, fitted):
    said = fitted[name].predict(rows_of(100, seed=5)).fields["cpu"].reshape(100, HORIZON, 3)
    assert (np.diff(said, axis=2) >= 0).all()


@every
def test_a_warm_start_goes_on_from_a_copy_and_leaves_the_old_model_as_it_was(name, fitted, tmp_path):
    old, rows = fitted[name], rows_of(120, seed=6)
    rows.labels["cpu"][:] += 12 * rows.features["plan"]
    before = stored(old, tmp_path / "before")
    steps: list[Step] = []
    new = fit(name, rows, warm_start=old, steps=steps)
    assert stored(old, tmp_path / "after") == before
    assert loss(new, rows) < 0.7 * loss(old, rows)
    assert [step.step for step in steps] == list(range(1, 6)), "five epochs more"


@every
def test_a_server_that_is_new_can_be_learnt_and_one_that_nobody_knows_has_a_forecast(name, fitted):
    rows = rows_of(60, seed=7)
    rows.features["server"][:] = "db-1"
    assert np.isfinite(fitted[name].predict(rows).fields["cpu"]).all()
    said = fit(name, rows, warm_start=fitted[name]).predict(rows).fields["cpu"]
    assert np.isfinite(said).all()


@every
def test_predictions_do_not_depend_on_the_size_of_a_block(name, fitted):
    rows = rows_of(40, seed=2)
    whole = fitted[name].predict(rows).fields["cpu"]
    parts = [fitted[name].predict(rows.take(slice(at, at + 7))).fields["cpu"] for at in range(0, 40, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-8, atol=1e-8)


@every
def test_a_gap_is_masked_and_what_stands_in_it_teaches_nothing(name):
    rows = rows_of(60, seed=3, gaps=False)
    rows.labels["cpu"][:, 2] = np.nan
    rows.features["past"][:, 1] = np.nan
    said = fit(name, rows).predict(rows_of(20, seed=1)).fields["cpu"]
    assert np.isfinite(said).all()


@every
def test_missing_columns_count_as_missing_values(name, fitted):
    rows = rows_of(20, seed=2)
    missing = Rows({**rows.features, "plan": np.full((20, HORIZON), np.nan)}, at=rows.at)
    absent = Rows({key: column for key, column in rows.features.items() if key != "plan"}, at=rows.at)
    one, other = (fitted[name].predict(given).fields["cpu"] for given in (missing, absent))
    assert np.array_equal(one, other)
    assert np.isfinite(one).all()


@every
def test_no_rows_give_no_forecasts(name, fitted):
    assert len(fitted[name].predict(rows_of(20).take(slice(0, 0))).fields["cpu"]) == 0


@every
def test_rows_without_any_truth_and_too_few_are_refused_with_a_sentence(name):
    rows = rows_of(30)
    rows.labels["cpu"][4] = np.nan
    with pytest.raises(ValueError, match="label 'cpu' is missing in some rows"):
        fit(name, rows)
    with pytest.raises(ValueError, match="rows are too few to learn from"):
        fit(name, rows_of(2))


@every
def test_a_parameter_that_is_not_known_is_refused_with_those_that_are(name):
    with pytest.raises(ValueError, match=f"learner {name} has no parameter 'nonsense'; it knows: "):
        make_learner(SPEC, name, {"nonsense": 1})


@every
def test_a_base_of_other_steps_is_refused_with_a_sentence(name, fitted):
    spec = SPEC.model_copy(update={"forecast": SPEC.forecast.model_copy(update={"encoder_steps": PAST + 1})})
    rows = rows_of(30)
    rows.features["past"] = np.zeros((30, PAST + 1))
    with pytest.raises(ValueError, match="train in full"):
        make_learner(spec, name, PARAMETERS.get(name, {})).fit(
            rows, None, warm_start=fitted[name], seed=1, progress=lambda _step: None
        )


@every
def test_damaged_files_are_refused_with_a_sentence(name, fitted, tmp_path):
    stored(fitted[name], tmp_path)
    (tmp_path / "model.json").write_text('{"something": "else"}')
    with pytest.raises(ValueError, match="the model in"):
        make_learner(SPEC, name, {}).load(tmp_path)


class Kept:
    """A checkpoint in memory that is always due."""

    def __init__(self):
        self.state = None

    def load(self):
        return self.state

    def is_due(self):
        return True

    def save(self, state):
        self.state = state


class KilledError(Exception):
    pass


@every
def test_a_fit_that_is_killed_goes_on_and_gives_the_same_model(name, tmp_path):
    rows, kept = rows_of(60), Kept()

    def fitted_with(checkpoint, progress):
        learner = make_learner(SPEC, name, PARAMETERS.get(name, {}))
        learner.keep_at(checkpoint)
        return learner.fit(rows, None, warm_start=None, seed=5, progress=progress)

    def dies(step):
        if step.step == 4:
            raise KilledError

    with pytest.raises(KilledError):
        fitted_with(kept, dies)
    gone_on = fitted_with(kept, lambda _step: None)
    whole = fitted_with(Kept(), lambda _step: None)
    assert stored(gone_on, tmp_path / "one") == stored(whole, tmp_path / "other")


def test_a_learner_of_numbers_refuses_series_with_a_sentence():
    with pytest.raises(ValueError, match="learner random-forest learns no series: choose tft"):
        make_learner(SPEC, "random-forest", {})


def test_a_learner_of_series_refuses_a_spec_without_forecast():
    spec = ModelSpec.model_validate(
        {"model_id": "m", "task": "regression", "features": {"x": {}}, "target": {"y": {"kind": "number"}}}
    )
    with pytest.raises(ValueError, match="learner tft learns series: declare `forecast`"):
        make_learner(spec, "tft", {})


def refit(learner, rows, warm_start):
    """A run with a refit: a fit that watches the newest rows, then one of all."""
    cut = len(rows) * 4 // 5
    held_out = rows.take(slice(cut + HORIZON, len(rows)))
    for learnt, watched in ((rows.take(slice(0, cut)), held_out), (rows, None)):
        model = learner.fit(learnt, watched, warm_start=warm_start, seed=3, progress=[].append)
    return model


def test_a_warm_start_on_rows_that_its_base_learnt_keeps_the_width_of_the_base_and_measures_newer_ones():
    learner = make_learner(SPEC, "tft", PARAMETERS["tft"])
    rows = rows_of(count=300)
    base = replace(refit(learner, rows.take(slice(0, 240)), None), widen=2.5)
    assert base.learnt_until == (239 + HORIZON) * 600_000
    assert refit(learner, rows.take(slice(0, 240)), base).widen == 2.5
    longer = refit(learner, rows, base)
    assert longer.widen != 2.5
    assert longer.learnt_until == (299 + HORIZON) * 600_000


def test_a_tft_that_an_earlier_release_saved_is_read(tmp_path):
    learner = make_learner(SPEC, "tft", PARAMETERS["tft"])
    stored(learner.fit(rows_of(60), None, warm_start=None, seed=3, progress=[].append), tmp_path)
    assert learner.load(tmp_path).learnt_until == (59 + HORIZON) * 600_000
    description = json.loads((tmp_path / "model.json").read_text())
    del description["learnt_until"]
    (tmp_path / "model.json").write_text(json.dumps(description))
    assert learner.load(tmp_path).learnt_until is None
