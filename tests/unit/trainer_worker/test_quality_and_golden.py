"""The report on a run's rows, what must not be learnt from, and the gate of the golden set."""

import numpy as np
import pytest

from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField, TrainingRule
from trainer_worker.adapters.golden_set import read_golden_set
from trainer_worker.core.train.golden import GoldenSet, golden_metrics
from trainer_worker.core.train.quality import absurd_labels, inspect

FEATURES = {"x": Feature(), "colour": Feature(kind="category")}


def spec(**training) -> ModelSpec:
    return ModelSpec(
        model_id="plant",
        task="regression",
        features=FEATURES,
        target={"size": TargetField(kind="number")},
        training=TrainingRule(**training),
    )


def rows(count: int = 400, **changes) -> Rows:
    rng = np.random.default_rng(0)
    x = rng.normal(size=count)
    columns = {"x": x, "colour": rng.choice(np.array(["red", "blue"], dtype=object), count)}
    return Rows(columns | changes, {"size": 2.0 * x + rng.normal(size=count)})


def kinds(report) -> set[tuple[str, str]]:
    return {(finding.kind, finding.subject) for finding in report.findings}


def test_good_rows_give_a_report_without_findings():
    report = inspect(spec(), rows())
    assert (report.rows, report.left_out, report.findings) == (400, 0, ())
    assert report.missing == {"x": 0.0, "colour": 0.0}


def test_missing_constant_and_wild_columns_are_remarked_on():
    wild = np.random.default_rng(1).normal(size=400)
    wild[::10] = 1e6
    assert kinds(inspect(spec(), rows(x=np.where(np.arange(400) % 3, np.nan, 1.0)))) == {
        ("missing", "x"),
        ("constant", "x"),
    }
    assert kinds(inspect(spec(), rows(x=wild))) == {("outliers", "x")}


def test_rows_without_one_value_are_refused():
    empty = rows(x=np.full(400, np.nan), colour=np.full(400, None, dtype=object))
    assert inspect(spec(), empty).refusal() == "features: every value of every feature is missing"


def test_a_flood_of_one_and_the_same_row_is_refused():
    flooded = rows()
    for column in (*flooded.features.values(), *flooded.labels.values()):
        column[-195:] = column[-1]
    assert "fills 195 of the newest 200" in inspect(spec(), flooded).refusal()


def test_rows_that_always_repeat_are_no_flood():
    few = rows(x=np.ones(400), colour=np.full(400, "red", dtype=object))
    few.labels["size"][:] = 1.0
    report = inspect(spec(), few)
    assert report.refusal() is None
    assert ("duplicates", "rows") in kinds(report)


def test_labels_that_cannot_be_meant_are_left_out():
    labels = {"size": np.append(np.random.default_rng(0).standard_t(3, size=5000), [1e5, -1e5])}
    assert np.flatnonzero(absurd_labels(spec(), labels)).tolist() == [5000, 5001]


def test_one_class_is_remarked_on():
    classes = ModelSpec(model_id="plant", task="binary", features=FEATURES, target={"y": TargetField()})
    same = Rows(rows().features, {"y": np.full(400, "ok", dtype=object)})
    assert ("one class", "y") in kinds(inspect(classes, same))


class Off:
    """A model that is wrong by a fixed amount."""

    def __init__(self, by: float) -> None:
        self.by = by

    def predict(self, rows):
        return Predictions({"size": np.full(len(rows), self.by)})

    def save(self, folder): ...


GOLDEN = GoldenSet(Rows({"x": np.zeros(10)}, {"size": np.zeros(10)}), "0" * 64)


def test_a_version_that_is_worse_on_the_golden_set_is_refused():
    with pytest.raises(ValueError, match=r"it loses 0.3, the champion 0.2, and 0.05 more is allowed"):
        golden_metrics(spec(golden_tolerance=0.05), GOLDEN, Off(0.3), Off(0.2))


@pytest.mark.parametrize(("ours", "tolerance"), [(0.1, 0.0), (0.2, 0.0), (0.24, 0.05)])
def test_a_version_that_is_not_worse_passes_with_its_figures(ours, tolerance):
    metrics = golden_metrics(spec(golden_tolerance=tolerance), GOLDEN, Off(ours), Off(0.2))
    assert metrics == {"golden_loss": ours, "golden_champion_loss": 0.2, "golden_rows": 10.0}


def test_the_first_version_is_only_measured():
    assert golden_metrics(spec(), GOLDEN, Off(5.0), None) == {"golden_loss": 5.0, "golden_rows": 10.0}


def test_a_golden_set_is_read_from_csv_with_its_hash(tmp_path):
    path = tmp_path / "golden.csv"
    path.write_text("x,colour,size\n1.5,red,3\n,,4\n")
    golden = read_golden_set(str(path), spec())
    assert golden.rows.labels["size"].tolist() == [3.0, 4.0]
    assert np.isnan(golden.rows.features["x"][1])
    assert len(golden.sha256) == 64


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x,size\n1,2\n", "lacks the columns colour"),
        ("x,colour,size\n", "needs rows"),
        ("x,colour,size\n1,red,\n", "every label of each"),
        ("x,colour,size\n1,red\n1,2,3,4\n", "neither CSV nor Parquet"),
    ],
)
def test_a_golden_set_that_cannot_serve_is_a_clear_error(tmp_path, content, sentence):
    path = tmp_path / "golden.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=sentence):
        read_golden_set(str(path), spec())


def test_a_golden_set_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_golden_set(str(tmp_path / "none.csv"), spec())
