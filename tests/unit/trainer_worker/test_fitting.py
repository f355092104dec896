"""A run's arithmetic: clean evidence, paired losses, a refit that does not lose the newest rows."""

import numpy as np
import pytest

from driftloop.contracts.message import FramePosition
from driftloop.contracts.training_requests import DataRule
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField, TrainingRule
from driftloop.spec.recency import RecencyRule
from trainer_worker.core.train.fitting import Champion, fit_and_validate, loss_bound
from trainer_worker.core.train.split import split_rows

RULE = DataRule(until=FramePosition(partition=0, offset=1), rows=100, minimum_rows=2)


class Constant:
    """Says one number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, rows):
        return Predictions({"y": np.full(len(rows), self.value)})

    def save(self, folder): ...


class Recorder:
    """Remembers what it was given to learn."""

    def __init__(self, value: float = 0.0, *, stops_early: bool = False) -> None:
        self.value, self.stops_early = value, stops_early
        self.fits: list[tuple[list[float], list[float] | None]] = []

    def fit(self, rows, held_out, *, warm_start, seed, progress):
        self.fits.append((rows.features["x"].tolist(), None if held_out is None else held_out.features["x"].tolist()))
        return Constant(self.value)


def spec(*, refit: bool = True) -> ModelSpec:
    return ModelSpec(
        model_id="plant",
        task="regression",
        features={"x": Feature()},
        target={"y": TargetField(kind="number")},
        training=TrainingRule(refit=refit),
    )


def rows(count: int = 100) -> Rows:
    return Rows({"x": np.arange(count, dtype=float)}, {"y": np.zeros(count)})


def run(learner, *, refit=True, champion=None):
    data = rows()
    split = split_rows(RULE, np.zeros(len(data), dtype=bool))
    return fit_and_validate(
        learner, spec(refit=refit), data, split, base=None, champion=champion, seed=1, progress=lambda step: None
    )


def test_the_refit_learns_from_every_row_and_the_first_fit_never_sees_the_held_out_ones():
    learner = Recorder()
    run(learner)
    (first, _), (again, _) = learner.fits
    assert first == list(range(80))
    assert again == list(range(100))


def test_without_a_refit_there_is_one_fit():
    learner = Recorder()
    run(learner, refit=False)
    assert len(learner.fits) == 1


def test_a_learner_that_stops_early_watches_the_end_of_the_training_rows_and_not_the_held_out_ones():
    learner = Recorder(stops_early=True)
    run(learner)
    assert learner.fits[0] == (list(range(68)), list(range(68, 80)))


class Sure(Recorder):
    """The n-th fit is as sure as the n-th of these columns says."""

    def __init__(self, *columns, stops_early=True):
        super().__init__(stops_early=stops_early)
        self.columns = iter(columns)

    def fit(self, rows, held_out, *, warm_start, seed, progress):
        model, column = super().fit(rows, held_out, warm_start=warm_start, seed=seed, progress=progress), self.columns
        confidence = next(column)
        model.predict = lambda rows: Predictions({"y": np.zeros(len(rows))}, confidence[: len(rows)])
        return model


NEAR_ONE = 0.992 + 0.001 * np.random.default_rng(3).random(100)


@pytest.mark.parametrize(
    ("again", "stops_early", "kept"),
    [(NEAR_ONE, True, True), (NEAR_ONE + 1e-5, True, True), (NEAR_ONE + 0.002, True, False),
     (NEAR_ONE + 0.002, False, True), (np.full(100, np.nan), True, True)],
    ids=["the same", "nearly the same", "surer by a little, in every row", "learners that do not stop early", "none"],
)  # fmt: skip
def test_the_confidence_of_a_fit_that_is_otherwise_sure_is_no_reference(again, stops_early, kept):
    fitted = run(Sure(NEAR_ONE, again, stops_early=stops_early))
    assert (fitted.said.confidence is not None) == kept
    assert bool(fitted.remarks) != kept
    if not kept:
        assert fitted.remarks[0].startswith(
            "confidence is not watched: the version that was fitted on all rows says 0.99"
        )


def test_losses_are_paired_on_rows_that_the_champion_has_not_learnt():
    fitted = run(Recorder(1.0), champion=Champion(Constant(2.0), np.arange(100) >= 90))
    assert fitted.validation.challenger_losses == (1.0,) * 10
    assert fitted.validation.champion_losses == (2.0,) * 10
    assert len(fitted.losses) == 20


def test_losses_are_rounded_so_that_every_machine_tells_the_same():
    assert run(Recorder(1 / 3)).validation.challenger_losses[0] == 0.333333


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_that_says_no_numbers_is_refused(value):
    with pytest.raises(ValueError, match="predicts values that are not numbers"):
        run(Recorder(value))


def test_the_bound_is_1_where_losses_are_0_or_1_and_a_high_quantile_elsewhere():
    losses = np.arange(1001) / 10
    assert loss_bound({"y": TargetField()}, losses) == 1.0
    assert loss_bound({"y": TargetField(kind="number", tolerance=0.5)}, losses) == 1.0
    assert loss_bound({"y": TargetField(kind="number")}, losses) == 99.0
    assert loss_bound({"y": TargetField(kind="number")}, np.zeros(5)) == 1.0


def test_a_week_of_flipped_labels_leaves_the_version_as_good_on_true_ones():
    """5 % of the labels of the newest half are flipped; the price on true labels is less than 2 points."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 4))
    true = np.where(x[:, 0] + x[:, 1] > 0, "yes", "no").astype(object)
    told = true.copy()
    flipped = 1000 + np.flatnonzero(rng.random(1000) < 0.05)
    told[flipped] = np.where(told[flipped] == "yes", "no", "yes")
    binary = ModelSpec(
        model_id="plant", task="binary", features={f"x{i}": Feature() for i in range(4)}, target={"y": TargetField()}
    )
    features = {f"x{i}": x[:, i] for i in range(4)}
    later = Rows({name: column[2000:] for name, column in features.items()})

    def accuracy(labels) -> float:
        data = Rows({name: column[:2000] for name, column in features.items()}, {"y": labels[:2000]})
        model = make_learner(binary, "random-forest", {}).fit(
            data, None, warm_start=None, seed=1, progress=lambda step: None
        )
        return float(np.mean(model.predict(later).fields["y"] == true[2000:]))

    assert accuracy(told) > accuracy(true) - 0.02


class Weights(Recorder):
    """Remembers the weights of what it was given to learn."""

    def fit(self, rows, held_out, *, warm_start, seed, progress):
        self.fits.append((rows.weights, None if held_out is None else held_out.weights))
        return Constant(self.value)


def weighed(learner, recency, data):
    training = TrainingRule(recency=recency)
    split = split_rows(RULE, np.zeros(len(data), dtype=bool))
    return fit_and_validate(
        learner, spec().model_copy(update={"training": training}), data, split,
        base=None, champion=None, seed=1, progress=lambda step: None,
    )  # fmt: skip


def test_of_each_fit_the_newest_row_that_is_learnt_counts_in_full_and_older_ones_less():
    learner = Weights()
    fitted = weighed(learner, RecencyRule(half_life_rows=10), rows())
    (proof, _), (refit, _) = learner.fits
    assert proof.tolist() == pytest.approx([2 ** (-(79 - row) / 10) for row in range(80)])
    assert refit.tolist() == pytest.approx([2 ** (-(99 - row) / 10) for row in range(100)])
    assert fitted.metrics["training_rows"] == 80
    assert fitted.metrics["effective_training_rows"] == pytest.approx(proof.sum() ** 2 / (proof**2).sum())


def test_rows_that_are_watched_to_stop_early_count_by_their_labels_alone():
    learner, own = Weights(stops_early=True), np.linspace(0.5, 1, 100)
    weighed(learner, RecencyRule(half_life_rows=10), Rows(rows().features, rows().labels, own))
    learnt, watched = learner.fits[0]
    assert learnt.tolist() == pytest.approx([own[row] * 2 ** (-(67 - row) / 10) for row in range(68)])
    assert watched.tolist() == own[68:80].tolist()


def test_without_recency_a_run_reports_what_it_did_before():
    learner = Weights()
    assert "effective_training_rows" not in weighed(learner, None, rows()).metrics
    assert learner.fits == [(None, None), (None, None)]
