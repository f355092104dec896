"""What `driftloop.learners.protocol.Learner` promises, as checks of a factory."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from driftloop.learners.protocol import Learner, Model, Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField

LearnerFactory = Callable[[ModelSpec, Mapping[str, Any]], Learner]
Check = Callable[[LearnerFactory], None]


def example_spec() -> ModelSpec:
    """Regression on numbers, one of them with gaps, and a category."""
    features = {"x": Feature(), "gap": Feature(), "flat": Feature(), "colour": Feature(kind="category")}
    target = {"size": TargetField(kind="number")}
    return ModelSpec(model_id="example", task="regression", features=features, target=target)


def example_rows(count: int = 240, seed: int = 0) -> Rows:
    """Rows for `example_spec`, whose target follows from the features but for a little noise."""
    random = np.random.default_rng(seed)
    x, gap = random.normal(size=count), random.normal(size=count)
    colour = random.choice(np.array(["red", "green", "blue"], dtype=object), count)
    size = 2.0 * x + (colour == "red") + random.normal(size=count) * 0.05
    gap[::7], colour[::11] = np.nan, None
    return Rows({"x": x, "gap": gap, "flat": np.full(count, 3.0), "colour": colour}, {"size": size})


def _fit(factory: LearnerFactory, rows: Rows, warm_start: Model | None = None) -> Model:
    cut = len(rows) * 4 // 5
    return factory(example_spec(), {}).fit(
        rows.take(slice(0, cut)),
        rows.take(slice(cut, len(rows))),
        warm_start=warm_start,
        seed=3,
        progress=lambda _: None,
    )


def _files(model: Model) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _same(one: Predictions, other: Predictions) -> bool:
    return all(np.array_equal(one.fields[name], other.fields[name]) for name in one.fields)


def the_same_rows_and_seed_give_the_same_files(factory: LearnerFactory) -> None:
    """Trained twice, a version is the same to the byte."""
    one, other = (_files(_fit(factory, example_rows())) for _ in range(2))
    assert one == other, f"files differ: {[name for name in one if one[name] != other.get(name)]}"


def no_file_is_a_pickle(factory: LearnerFactory) -> None:
    """Only JSON, safetensors, skops and ONNX are written."""
    kinds = {Path(name).suffix for name in _files(_fit(factory, example_rows()))}
    assert kinds <= {".json", ".safetensors", ".skops", ".onnx"}, f"files of kinds {sorted(kinds)} are written"


def a_loaded_model_predicts_what_the_saved_one_does(factory: LearnerFactory) -> None:
    """What `load` gives predicts the same, to the bit."""
    rows = example_rows()
    model = _fit(factory, rows)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        loaded = factory(example_spec(), {}).load(Path(folder))
        assert _same(model.predict(rows), loaded.predict(rows)), "a loaded model predicts otherwise"


def one_prediction_a_row(factory: LearnerFactory) -> None:
    """As many finite predictions as rows, however rows are put into blocks; none for none."""
    rows = example_rows()
    model = _fit(factory, rows)
    whole = model.predict(rows).fields["size"]
    assert whole.shape == (len(rows),), f"{len(rows)} rows have predictions of the shape {whole.shape}"
    assert np.isfinite(whole.astype(np.float64)).all(), "a prediction is no finite number"
    blocks = [model.predict(rows.take(slice(at, at + 7))).fields["size"] for at in range(0, len(rows), 7)]
    assert np.allclose(np.concatenate(blocks), whole, rtol=1e-12, atol=1e-12), "the size of a block matters"
    assert len(model.predict(rows.take(slice(0, 0))).fields["size"]) == 0, "no rows have predictions"


def what_is_missing_or_unknown_counts_as_missing(factory: LearnerFactory) -> None:
    """A category that was never seen, a missing column and an infinite number are taken for missing values."""
    rows = example_rows()
    model = _fit(factory, rows)
    strange = Rows({**rows.features, "colour": np.full(len(rows), "mauve", dtype=object)})
    missing = Rows({**rows.features, "colour": np.full(len(rows), None, dtype=object)})
    absent = Rows({name: column for name, column in rows.features.items() if name != "colour"})
    said = model.predict(missing)
    assert _same(model.predict(strange), said), "an unknown category does not count as missing"
    assert _same(model.predict(absent), said), "a column that is not there does not count as missing"


def a_warm_start_leaves_the_old_model_as_it_was(factory: LearnerFactory) -> None:
    """An incremental fit goes on from a copy."""
    old = _fit(factory, example_rows())
    before = _files(old)
    _fit(factory, example_rows(100, seed=5), warm_start=old)
    assert _files(old) == before, "a warm start changed the model that it went on from"


def rows_count_by_their_weights(factory: LearnerFactory) -> None:
    """A learner with `weighs_rows = True` learns otherwise where half of the rows count next to nothing."""
    if not getattr(factory(example_spec(), {}), "weighs_rows", False):
        return
    rows = example_rows()
    upper = np.where(rows.features["x"] > 0, 1.0, 1e-6)
    weighed = Rows(rows.features, rows.labels, upper)
    assert not _same(_fit(factory, rows).predict(rows), _fit(factory, weighed).predict(rows)), "weights change nothing"


LEARNER_CHECKS: tuple[Check, ...] = (
    the_same_rows_and_seed_give_the_same_files,
    no_file_is_a_pickle,
    a_loaded_model_predicts_what_the_saved_one_does,
    one_prediction_a_row,
    what_is_missing_or_unknown_counts_as_missing,
    a_warm_start_leaves_the_old_model_as_it_was,
    rows_count_by_their_weights,
)
"""Every check of a learner."""
