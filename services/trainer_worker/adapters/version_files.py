"""What every way to train has in common: the champion to beat, the golden set, the artifact, the profile."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import Artifact, StoreAwayError, UnwritableError, artifact_uri, write_artifact
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.learners.protocol import Column, Model
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.profiles import make_profile
from trainer_worker.adapters.data_set import DataSet
from trainer_worker.adapters.golden_set import read_golden_set
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.other_versions import Store
from trainer_worker.core.train.fitting import Champion, Fitted
from trainer_worker.core.train.golden import golden_metrics
from trainer_worker.core.train.run_report import WaitsFor
from trainer_worker.core.train.split import Split

QUALITY_FILE = "quality.json"
_LOOK_AGAIN_SECONDS = 0.5
_LIBRARIES = ("driftloop", "numpy", "river", "scikit-learn", "torch")


def champion_of(store: Store, request: TrainingRequest, spec: ModelSpec, data: DataSet) -> Champion | None:
    """The version to beat; None, and a remark, where it predicts another target."""
    if request.champion_artifact is None:
        return _recorded(request, spec, data)
    found = store.comparable("the champion", request.champion_artifact, request.champion_sha256, spec)
    return None if found is None else Champion(found[1], _unseen(found[0], spec, data))


def _recorded(request: TrainingRequest, spec: ModelSpec, data: DataSet) -> Champion | None:
    """A champion that others serve: what it said about the rows that it predicted; None where it predicted none."""
    if spec.serving != "external" or request.champion is None:
        return None
    whole = np.logical_and.reduce([_known(column) for column in data.said.values()])
    predicted = np.asarray(data.said_by == request.champion, dtype=np.bool_) & whole
    return Champion(None, predicted, data.said) if predicted.any() else None


def _known(column: Column) -> NDArray[np.bool_]:
    if column.dtype == object:
        return np.array([value is not None for value in column], dtype=np.bool_)
    known = ~np.isnan(column)
    return np.asarray(known.all(axis=1) if known.ndim == 2 else known, dtype=np.bool_)


def _unseen(champion: Artifact, spec: ModelSpec, data: DataSet) -> NDArray[np.bool_]:
    """Rows that came after everything the champion learnt from; forecasts a horizon after, whose truths it had not."""
    learnt = champion.manifest.data
    if learnt is None:
        return np.ones(len(data.rows), dtype=np.bool_)
    later = np.asarray(data.offsets > learnt.last.offset)
    if spec.forecast is not None and not later.all():
        later &= data.predicted_at >= data.predicted_at[~later].max() + spec.forecast.horizon_ms
    return later


@dataclass(frozen=True, slots=True)
class Golden:
    """Losses on the golden set, and its hash."""

    metrics: dict[str, float]
    sha256: str | None


def golden_of(spec: ModelSpec, model: Model | None, champion: Champion | None) -> Golden:
    """The gate of the golden set; nothing where the spec names none."""
    if spec.training.golden_set is None or model is None:
        return Golden({}, None)
    golden = read_golden_set(spec.training.golden_set, spec)
    metrics = golden_metrics(spec, golden, model, champion.model if champion else None)
    return Golden(metrics, golden.sha256)


def write_version(
    job: Job,
    data: DataSet,
    fitted: Fitted,
    golden: Golden,
    waits: WaitsFor,
    *,
    made_by: str | None = None,
    libraries: Mapping[str, str] | None = None,
) -> Artifact:
    """Write the artifact of a run, once the store takes it.

    `made_by` names the learner that loads it where another than the request's made it; `libraries` are what it was
    made with beside what is installed here.
    """
    request = job.run.request
    manifest = Manifest(
        model_id=request.model_id,
        version=request.version,
        run_id=request.message_id,
        learner=made_by or request.learner,
        parameters={} if made_by else dict(request.learner_parameters),
        mode=request.mode,
        base_version=request.base_version,
        base_sha256=request.base_sha256,
        seed=request.seed,
        spec_version=request.spec_version,
        spec=job.run.spec,
        rule=request.data,
        data=data.described,
        golden_sha256=golden.sha256,
        metrics=fitted.metrics | golden.metrics,
        request=request,
        libraries={name: found for name in _LIBRARIES if (found := _version(name))} | dict(libraries or {}),
    )
    report = (data.quality.model_dump_json(indent=1) + "\n").encode()
    if fitted.model is None:
        raise ValueError("there is no model to write")
    uri = artifact_uri(job.artifact_uri, request.model_id, request.version)
    return _written(uri, manifest, fitted.model, report, wait_seconds=job.archive_wait_seconds, waits=waits)


def _written(
    uri: str, manifest: Manifest, model: Model, report: bytes, *, wait_seconds: float, waits: WaitsFor
) -> Artifact:
    """The artifact, once the store takes it: a model that took hours to train waits for a disk to be mended."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return write_artifact(uri, manifest, model, {QUALITY_FILE: report})
        except (UnwritableError, StoreAwayError):
            waits("store")
            if time.monotonic() + _LOOK_AGAIN_SECONDS > deadline:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)


def profile_of(request: TrainingRequest, spec: ModelSpec, data: DataSet, split: Split, fitted: Fitted) -> ModelProfile:
    """The profile of a run's version: its rows, and what it said and lost on those held out."""
    newest_last = np.concatenate([split.training, split.held_out])
    return make_profile(
        request.model_id,
        request.version,
        spec,
        request.spec_version,
        data.rows.take(newest_last),
        fitted.said,
        fitted.losses,
        fitted.loss_bound,
        predicted_at=data.predicted_at[newest_last],
        message_id=derive_id("model-profile", request.message_id),
        occurred_at=request.occurred_at,
        caused_by=(*request.caused_by, request.message_id),
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
