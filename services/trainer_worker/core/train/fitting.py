"""A run's arithmetic: fit, hold against the champion on rows that neither has seen, fit on all rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.training_results import Validation
from driftloop.learners.protocol import Checkpoint, Column, Learner, Model, Predictions, Resumable, Rows, Step
from driftloop.learners.recency import by_age, effective_rows
from driftloop.spec.model_spec import ModelSpec, TargetField
from driftloop.statistics.forecasts import forecast_metrics, rows_a_horizon
from driftloop.statistics.losses import row_losses
from driftloop.statistics.two_samples import ks_distance
from trainer_worker.core.train.beside_lags import BesideLags
from trainer_worker.core.train.split import Split, apart

Floats = NDArray[np.float64]
LOSS_DIGITS = 6
_BOUND_QUANTILE = 0.99
_EARLY_STOP_SHARE = 0.15
_OTHERWISE_SURE = 0.2
"""Distance (KS) of two fits' confidence on the same rows from which on one cannot stand for the other."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The version to beat, and which rows of the data set it cannot have learnt from."""

    model: Model | None
    unseen: NDArray[np.bool_]
    said: Mapping[str, Column] | None = None
    """Of a champion that others serve and that cannot be run here: what it said about every row."""

    def losses(self, spec: ModelSpec, rows: Rows, which: NDArray[np.intp]) -> Floats:
        """What it loses on some of the data set's rows."""
        clean = rows.take(which)
        if self.said is not None:
            return losses_of(spec, Predictions({name: column[which] for name, column in self.said.items()}), clean)
        if self.model is None:
            raise ValueError("the champion can neither be run, nor is it known what it said")
        return losses_of(spec, self.model.predict(clean), clean)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a run has made. `said` are the predictions of the held-out rows before the refit, without a confidence
    where the refit is otherwise sure than the validated fit."""

    model: Model | None
    validation: Validation
    losses: Floats
    loss_bound: float
    metrics: dict[str, float]
    said: Predictions
    remarks: tuple[str, ...] = ()


def fit_and_validate(
    learner: Learner,
    spec: ModelSpec,
    rows: Rows,
    split: Split,
    *,
    base: Model | None,
    champion: Champion | None,
    seed: int,
    progress: Callable[[Step], None],
    checkpoint: Callable[[str], Checkpoint] | None = None,
) -> Fitted:
    """Train on `split.training`, validate on `split.held_out`, and refit on all where the spec says so.

    The held-out rows decide nothing about the fit (early stopping watches the end of the training
    rows instead), so that their losses are clean evidence. `checkpoint` is where each of the two fits,
    "proof" and "refit", keeps how far it has come. Raises ValueError where the rows cannot
    be learnt from or a prediction is not a number.
    """
    held_out = rows.take(split.held_out)
    _keep_at(learner, checkpoint, "proof")
    model = _fit(learner, spec, rows.take(split.training), base, seed=seed, progress=progress)
    said = model.predict(held_out)
    verdict = judged(spec, rows, split, said, champion)
    remarks = verdict.remarks
    if spec.training.refit:
        _keep_at(learner, checkpoint, "refit")
        everything = by_age(rows.take(split.everything), spec.training.recency)
        model = learner.fit(everything, None, warm_start=base, seed=seed, progress=progress)
        now = model.predict(held_out)
        losses_of(spec, now, held_out)
        otherwise_sure = _of_confidence(learner, said, now)
        said = Predictions(said.fields) if otherwise_sure else said
        remarks += otherwise_sure
    metrics = verdict.metrics | training_figures(spec, rows, split)
    if spec.forecast is not None and rows.at is not None:
        metrics["rows_a_horizon"] = float(rows_a_horizon(spec.forecast, rows.at))
        metrics["unknown_entity_rows"] = float(_of_unknown_entities(spec, rows, split))
    return Fitted(model, verdict.validation, verdict.losses, verdict.loss_bound, metrics, said, remarks)


def _of_confidence(learner: Learner, said: Predictions, now: Predictions) -> tuple[str, ...]:
    """What a person is told where the refit is otherwise sure than the validated fit, on the same rows.

    The profile of a version has what the validated fit said, since the refit has learnt the held-out rows. A network
    that is calibrated anew may say 0.994 where it said 0.992: immaterial, and a shift of every row to a test of
    distributions. Why only learners that stop early: others are surer of rows that they have learnt, whatever they
    say of new ones, so that the comparison tells nothing of them.
    """
    if not getattr(learner, "stops_early", False) or said.confidence is None or now.confidence is None:
        return ()
    before, after = (one[~np.isnan(one)] for one in (said.confidence, now.confidence))
    if not len(before) or not len(after) or ks_distance(np.sort(before), after)[0] <= _OTHERWISE_SURE:
        return ()
    return (
        (
            "confidence is not watched: the version that was fitted on all rows says "
            f"{after.mean():.3f} on the held-out rows, the one that was validated said {before.mean():.3f}"
        ),
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """What the held-out rows say about a version's predictions of them."""

    validation: Validation
    losses: Floats
    loss_bound: float
    metrics: dict[str, float]
    remarks: tuple[str, ...] = ()


def judged(spec: ModelSpec, rows: Rows, split: Split, said: Predictions, champion: Champion | None) -> Judged:
    """Hold a version's predictions of the held-out rows against the labels, and against the champion.

    Raises ValueError where a prediction is not a number, or where a lag forecasts better and the spec minds.
    """
    held_out = rows.take(split.held_out)
    losses = losses_of(spec, said, held_out)
    beside = BesideLags.of(spec, said, held_out)
    remark = beside.remark()
    if remark is not None and spec.forecast is not None and spec.forecast.beat_lags:
        raise ValueError(f"{remark}. forecast.beat_lags refuses it: give it more rows, or other features")
    validation, champion_losses = _validate(spec, rows, split, losses, champion)
    bound = loss_bound(spec.target, champion_losses if len(champion_losses) else losses)
    metrics = _metrics(spec, said, held_out, losses, champion_losses)
    metrics |= {name: _rounded(value) for name, value in beside.metrics().items()}
    return Judged(validation, losses, bound, metrics, () if remark is None else (remark,))


def loss_bound(target: Mapping[str, TargetField], losses: Floats) -> float:
    """Where a bounded test clips a loss: 1 where every field's loss is 0 or 1, else a high quantile."""
    if all(field.kind == "category" or field.tolerance is not None for field in target.values()):
        return 1.0
    bound = float(np.quantile(losses, _BOUND_QUANTILE)) if len(losses) else 0.0
    return float(f"{bound:.6g}") if bound > 0 else 1.0


def _keep_at(learner: Learner, checkpoint: Callable[[str], Checkpoint] | None, phase: str) -> None:
    if checkpoint is not None and isinstance(learner, Resumable):
        learner.keep_at(checkpoint(phase))


def _fit(
    learner: Learner,
    spec: ModelSpec,
    rows: Rows,
    base: Model | None,
    *,
    seed: int,
    progress: Callable[[Step], None],
) -> Model:
    """A fit of the training rows. The rows that are watched to stop early are the newest, and count as they are."""
    recency, horizon_ms = spec.training.recency, 0 if spec.forecast is None else spec.forecast.horizon_ms
    stop = round(len(rows) * _EARLY_STOP_SHARE) if getattr(learner, "stops_early", False) else 0
    if stop < 2:
        return learner.fit(by_age(rows, recency), None, warm_start=base, seed=seed, progress=progress)
    cut = len(rows) - stop
    watched = rows.take(slice(cut, len(rows)))
    before = apart(rows.at, np.arange(cut), np.arange(cut, len(rows)), horizon_ms)
    learnt = by_age(rows.take(before), recency)
    return learner.fit(learnt, watched, warm_start=base, seed=seed, progress=progress)


def training_figures(spec: ModelSpec, rows: Rows, split: Split) -> dict[str, float]:
    """How many rows a version is validated on having learnt, and how many they are worth if older ones count less."""
    figures = {"training_rows": float(len(split.training))}
    if spec.training.recency is not None:
        learnt = by_age(rows.take(split.training), spec.training.recency)
        figures["effective_training_rows"] = _rounded(effective_rows(learnt))
    return figures


def model_losses(spec: ModelSpec, model: Model, rows: Rows) -> Floats:
    """What a model loses on labelled rows, rounded as everywhere; raises ValueError where it says no number."""
    return losses_of(spec, model.predict(rows), rows)


def losses_of(spec: ModelSpec, said: Predictions, rows: Rows) -> Floats:
    """What predictions of labelled rows lose, rounded as everywhere; raises ValueError where one is no number."""
    losses = np.round(row_losses(spec.target, said.fields, rows.labels), LOSS_DIGITS)
    if not np.isfinite(losses).all():
        raise ValueError("the model predicts values that are not numbers: it is not usable")
    return losses


def _validate(
    spec: ModelSpec, rows: Rows, split: Split, losses: Floats, champion: Champion | None
) -> tuple[Validation, Floats]:
    """Paired losses on the held-out rows that the champion has not learnt from either."""
    if champion is None:
        return Validation(challenger_losses=tuple(losses.tolist())), np.empty(0)
    unseen = champion.unseen[split.held_out]
    theirs = champion.losses(spec, rows, split.held_out[unseen])
    ours = tuple(losses[unseen].tolist())
    return Validation(challenger_losses=ours, champion_losses=tuple(theirs.tolist())), theirs


def _metrics(
    spec: ModelSpec, said: Predictions, held_out: Rows, losses: Floats, champion_losses: Floats
) -> dict[str, float]:
    metrics = {"held_out_rows": float(len(losses))}
    if len(losses):
        metrics["loss"] = _rounded(losses.mean())
    if len(champion_losses):
        metrics["champion_loss"] = _rounded(champion_losses.mean())
    for name, field in spec.target.items():
        if not len(losses):
            break
        if field.kind == "category":
            metrics[f"accuracy.{name}"] = _rounded(np.mean(said.fields[name] == held_out.labels[name]))
        elif spec.forecast is not None:
            told = forecast_metrics(spec.forecast, said.fields[name], held_out.labels[name])
            metrics |= {f"{figure}.{name}": _rounded(value) for figure, value in told.items()}
        else:
            wrong = said.fields[name].astype(np.float64) - held_out.labels[name].astype(np.float64)
            metrics[f"mae.{name}"] = _rounded(np.abs(wrong).mean())
            metrics[f"mse.{name}"] = _rounded((wrong**2).mean())
    return metrics


def _of_unknown_entities(spec: ModelSpec, rows: Rows, split: Split) -> int:
    """Held-out rows of an entity that the training rows do not have."""
    entity = spec.forecast.entity if spec.forecast is not None else None
    if entity is None:
        return 0
    column = rows.features[entity]
    known = {*column[split.training].tolist()}
    return sum(one not in known for one in column[split.held_out].tolist())


def _rounded(value: float | np.floating) -> float:
    return float(f"{float(value):.9g}")
