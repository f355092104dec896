"""One suite for every learner that is installed: what `driftloop.learners.protocol` promises."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from driftloop.learners.entry_points import learner_names, make_learner
from driftloop.learners.protocol import Model, Predictions, Rows, Step
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.statistics.losses import row_losses

TASKS = ("multiclass", "regression", "multi-field")
# To import torch alone takes seconds.
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in ("torch-mlp", "online-net", "lora-text") else [])
    for name in learner_names()
    # Three train nothing: they take in what others trained. One learns series (test_every_forecaster).
    if name not in {"onnx", "open-inference", "skops", "tft"}
]
pytestmark = pytest.mark.parametrize("name", NAMES)
SHORT = {"online-net": {"steps": 150}}
"""A fit of its 1500 steps takes seconds; tests that ask nothing of how well it learns make a tenth of them."""


def fit(name, spec, rows, *, warm_start=None, seed=3, steps=None, parameters=None) -> Model:
    told = steps if steps is not None else []
    held_out = rows.take(slice(len(rows) * 4 // 5, len(rows)))
    training = rows.take(slice(0, len(rows) * 4 // 5)) if len(rows) > 20 else rows
    return make_learner(spec, name, parameters or {}).fit(
        training, held_out if len(rows) > 20 else None, warm_start=warm_start, seed=seed, progress=told.append
    )


def short_fit(name, spec, rows) -> Model:
    return fit(name, spec, rows, parameters=SHORT.get(name))


@pytest.fixture(scope="module")
def fitted() -> dict[tuple[str, str], Model]:
    return {}


@pytest.fixture
def learnt(name, fitted, make_spec, make_rows) -> Callable[[str], Model]:
    """The model of `make_rows()` for a task, learnt once for all tests that only look at it."""

    def model(task: str) -> Model:
        if (name, task) not in fitted:
            fitted[name, task] = fit(name, make_spec(task), make_rows())
        return fitted[name, task]

    return model


def same(one: Predictions, other: Predictions) -> bool:
    fields = all(np.array_equal(one.fields[name], other.fields[name]) for name in one.fields)
    if one.confidence is None or other.confidence is None:
        return fields and one.confidence is other.confidence
    return fields and np.array_equal(one.confidence, other.confidence)


def stored(model: Model, folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True, parents=True)
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("task", TASKS)
def test_the_same_rows_and_seed_give_the_same_files(name, task, make_spec, make_rows, tmp_path):
    one = stored(short_fit(name, make_spec(task), make_rows()), tmp_path / "one")
    other = stored(short_fit(name, make_spec(task), make_rows()), tmp_path / "other")
    assert one == other


@pytest.mark.parametrize("task", TASKS)
def test_a_loaded_model_predicts_what_the_saved_one_does(name, task, learnt, make_spec, make_rows, tmp_path):
    spec, rows = make_spec(task), make_rows()
    model = learnt(task)
    stored(model, tmp_path)
    assert same(model.predict(rows), make_learner(spec, name, {}).load(tmp_path).predict(rows))


def test_the_files_are_json_and_arrays_and_no_pickle(name, learnt, tmp_path):
    files = stored(learnt("multiclass"), tmp_path)
    assert {Path(file).suffix for file in files} <= {".json", ".safetensors", ".skops"}
    for file, content in files.items():
        if file.endswith(".json"):
            json.loads(content)


@pytest.mark.parametrize("task", TASKS)
def test_it_learns_better_than_the_no_information_predictor(name, task, make_spec, make_rows):
    spec, rows = make_spec(task), make_rows(1000)
    later = make_rows(400, seed=9)
    losses = row_losses(spec.target, fit(name, spec, rows).predict(later).fields, later.labels).mean()
    if task == "multiclass":
        _, counts = np.unique(later.labels["kind"].astype(str), return_counts=True)
        assert losses < 0.7 * (1 - counts.max() / counts.sum())
    else:
        assert losses < 0.7 * np.abs(later.labels["size"] - later.labels["size"].mean()).mean()


@pytest.mark.parametrize("task", TASKS)
def test_a_warm_start_goes_on_from_a_copy_and_leaves_the_old_model_as_it_was(
    name, task, learnt, make_spec, make_rows, tmp_path
):
    spec, rows = make_spec(task), make_rows()
    old = learnt(task)
    before, said = stored(old, tmp_path / "before"), old.predict(rows)
    new = fit(name, spec, make_rows(100, seed=5), warm_start=old)
    assert stored(old, tmp_path / "after") == before
    assert same(old.predict(rows), said)
    assert not same(new.predict(rows), said)


def test_a_warm_start_can_learn_a_class_that_is_new(name, learnt, make_spec, make_rows):
    spec = make_spec("multiclass")
    new = make_rows(200, seed=5)
    new.labels["kind"][:] = np.where(new.features["x"] > 0, "huge", "small")
    model = fit(name, spec, new, warm_start=learnt("multiclass"))
    assert set(model.predict(new).fields["kind"]) <= {"big", "small", "odd", "huge"}


def test_predictions_do_not_depend_on_the_size_of_a_block(name, learnt, make_rows):
    for task in TASKS:
        rows = make_rows()
        model = learnt(task)
        whole = model.predict(rows)
        blocks = [model.predict(rows.take(slice(at, at + 7))) for at in range(0, len(rows), 7)]
        for field, column in whole.fields.items():
            joined = np.concatenate([block.fields[field] for block in blocks])
            if joined.dtype == object:
                assert np.array_equal(joined, column)
            else:
                np.testing.assert_allclose(joined, column, rtol=1e-12, atol=1e-12)


def test_missing_columns_and_unknown_categories_count_as_missing_values(name, learnt, make_rows):
    rows = make_rows()
    model = learnt("regression")
    strange = Rows({**rows.features, "colour": np.full(len(rows), "mauve", dtype=object)})
    missing = Rows({**rows.features, "colour": np.full(len(rows), None, dtype=object)})
    absent = Rows({key: column for key, column in rows.features.items() if key != "colour"})
    assert same(model.predict(strange), model.predict(missing))
    assert same(model.predict(absent), model.predict(missing))


def test_infinite_values_count_as_missing(name, make_spec, make_rows):
    rows = make_rows()
    rows.features["x"][3] = np.inf
    predictions = short_fit(name, make_spec("regression"), rows).predict(rows)
    assert np.isfinite(predictions.fields["size"]).all()


QUANTILES = [0.9, 0.25]


@pytest.mark.wild(
    area="training",
    given="the target is a quantile: 0.9 is declared",
    right="nine truths in ten lie below what is predicted, with every installed learner, or it refuses clearly",
)
@pytest.mark.parametrize("quantile", QUANTILES)
def test_a_declared_quantile_is_covered_or_refused_with_a_sentence(name, quantile):
    target = {"y": TargetField(kind="number", quantile=quantile)}
    spec = ModelSpec(model_id="plant", task="regression", features={"x": Feature()}, target=target)

    def drawn(count, seed):
        rng = np.random.default_rng(seed)
        x = rng.uniform(1, 3, count)
        return Rows({"x": x}, {"y": 10 * x + x * rng.normal(size=count)})

    try:
        model = fit(name, spec, drawn(3000, 0))
    except ValueError as error:
        assert "quantile" in str(error)  # noqa: PT017  (a learner that cannot must say so)
        return
    later = drawn(4000, 1)
    covered = later.labels["y"] <= model.predict(later).fields["y"]
    assert abs(covered.mean() - quantile) < 0.05
    near = later.features["x"] < 2
    assert max(abs(covered[near].mean() - quantile), abs(covered[~near].mean() - quantile)) < 0.1


WILD = [float(np.finfo(np.float64).max), -1e39, 3.4e38, -1e30, 5e-324]


@pytest.mark.wild(
    area="training",
    given="a number beyond float32's largest, or just below it, in one cell of a feature",
    right="every learner is fitted; the cell counts as missing; the other rows are predicted as without it",
)
@pytest.mark.parametrize("task", TASKS)
def test_any_finite_number_in_a_cell_leaves_fit_and_the_other_rows_alone(name, task, make_spec, make_rows):
    spec, rows = make_spec(task), make_rows()
    for place, value in enumerate(WILD):
        rows.features["x"][20 + place] = value
        rows.features["gap"][220 + place] = value
    model = short_fit(name, spec, rows)
    said = model.predict(rows)
    plain = make_rows()
    for field, column in model.predict(plain).fields.items():
        kept = np.r_[0:20, 30:200]
        assert np.array_equal(column[kept], said.fields[field][kept])
        assert column.dtype == object or np.isfinite(said.fields[field].astype(float)).all()


def test_a_number_beyond_float32_is_predicted_as_a_missing_one(name, learnt, make_rows):
    model = learnt("regression")
    beyond, missing = make_rows(), make_rows()
    beyond.features["x"][5], missing.features["x"][5] = 1e39, np.nan
    assert same(model.predict(beyond), model.predict(missing))


def test_one_sentinel_among_the_rows_costs_no_accuracy(name, make_spec, make_rows):
    spec, rows, later = make_spec("multiclass"), make_rows(600), make_rows(300, seed=9)
    plain = row_losses(spec.target, fit(name, spec, rows).predict(later).fields, later.labels).mean()
    rows.features["x"][7] = WILD[0]
    odd = row_losses(spec.target, fit(name, spec, rows).predict(later).fields, later.labels).mean()
    assert odd < plain + 0.05


def test_labels_are_text_and_confidence_lies_between_0_and_1(name, learnt, make_rows):
    predictions = learnt("multiclass").predict(make_rows())
    assert all(isinstance(value, str) for value in predictions.fields["kind"])
    assert predictions.confidence is not None
    assert ((predictions.confidence >= 0) & (predictions.confidence <= 1)).all()


def test_one_class_alone_is_learnt_as_that_class(name, make_spec, make_rows):
    rows = make_rows()
    rows.labels["kind"][:] = "small"
    predictions = fit(name, make_spec("multiclass"), rows).predict(rows)
    assert set(predictions.fields["kind"]) == {"small"}


def test_constant_numbers_are_learnt_as_that_number(name, make_spec, make_rows):
    rows = make_rows()
    rows.labels["size"][:] = 4.0
    np.testing.assert_allclose(fit(name, make_spec("regression"), rows).predict(rows).fields["size"], 4.0, atol=0.5)


def test_no_rows_give_no_predictions(name, learnt, make_rows):
    for task in TASKS:
        predictions = learnt(task).predict(make_rows().take(slice(0, 0)))
        assert all(len(column) == 0 for column in predictions.fields.values())


def test_rows_of_weight_0_are_not_learnt_from(name, make_spec, make_rows):
    rows = make_rows(400)
    wrong = Rows(rows.features, {**rows.labels, "size": np.where(np.arange(400) % 2, rows.labels["size"], 1e3)})
    weighted = Rows(wrong.features, wrong.labels, (np.arange(400) % 2).astype(np.float64))
    model = make_learner(make_spec("regression"), name, {}).fit(
        weighted, None, warm_start=None, seed=1, progress=lambda step: None
    )
    assert np.median(model.predict(rows).fields["size"]) < 100


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_rows_are_refused_with_a_sentence(name, count, make_spec, make_rows):
    with pytest.raises(ValueError, match=f"{count} rows are too few to learn from"):
        fit(name, make_spec("regression"), make_rows(240).take(slice(0, count)))


def test_missing_labels_are_refused_with_a_sentence(name, make_spec, make_rows):
    rows = make_rows()
    rows.labels["size"][4] = np.nan
    with pytest.raises(ValueError, match="label 'size' is missing in some rows"):
        fit(name, make_spec("regression"), rows)


def test_a_parameter_that_is_not_known_is_refused_with_those_that_are(name, make_spec):
    with pytest.raises(ValueError, match=f"learner {name} has no parameter 'nonsense'; it knows: "):
        make_learner(make_spec("regression"), name, {"nonsense": 1})


def test_a_base_of_other_features_is_refused_with_a_sentence(name, learnt, make_spec, make_rows):
    spec = make_spec("regression")
    base = learnt("regression")
    fewer = spec.model_copy(update={"features": {"x": spec.features["x"]}})
    with pytest.raises(ValueError, match="train in full"):
        fit(name, fewer, make_rows(), warm_start=base)


def test_progress_is_told_step_by_step(name, make_spec, make_rows):
    steps: list[Step] = []
    fit(name, make_spec("multi-field"), make_rows(), steps=steps, parameters=SHORT.get(name))
    assert steps
    assert all(1 <= step.step <= step.steps for step in steps)
    assert [step.step for step in steps] == sorted({step.step for step in steps})


def test_damaged_files_are_refused_with_a_sentence(name, learnt, make_spec, tmp_path):
    spec = make_spec("regression")
    stored(learnt("regression"), tmp_path)
    (tmp_path / "model.json").write_text('{"something": "else"}')
    with pytest.raises(ValueError, match="the model in"):
        make_learner(spec, name, {}).load(tmp_path)
