"""One run inside its child process: data, base and champion in, artifact and report out."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import Artifact, StoreAwayError, UnwritableError, artifact_uri, write_artifact
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingCost
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Model, Step
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.profiles import make_profile
from trainer_worker.adapters.candidates import reuse
from trainer_worker.adapters.checkpoints import RunCheckpoints
from trainer_worker.adapters.data_set import DataSet, read_data_set
from trainer_worker.adapters.golden_set import read_golden_set
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.other_versions import Store
from trainer_worker.core.train.fitting import Champion, Fitted, fit_and_validate
from trainer_worker.core.train.golden import golden_metrics
from trainer_worker.core.train.run_report import Reused, Succeeded, WaitsFor
from trainer_worker.core.train.split import Split, split_rows

QUALITY_FILE = "quality.json"
_LOOK_AGAIN_SECONDS = 0.5
_LIBRARIES = ("driftloop", "numpy", "river", "scikit-learn", "torch")


def train(job: Job, progress: Callable[[Step], None], waits: WaitsFor = lambda _what: None) -> Succeeded | Reused:
    """Train one version, unless an archived one does. The same job on the same rows gives the same artifact.

    `waits` is told what the run waits for: the archive, the artifact store, or nothing any more.

    Raises ValueError or `ArtifactError`, with a sentence, where it cannot be done.
    """
    wall, cpu = time.perf_counter(), _cpu_seconds()
    request, spec = job.run.request, job.run.spec
    waits("archive")
    data = read_data_set(job.archive_uri, request, spec, job.archive_wait_seconds)
    waits("")
    store = Store(job.archive_wait_seconds, waits)
    champion = _champion(store, request, spec, data)
    reused = reuse(store, request, spec, data, champion) if champion is not None else None
    remarks = (*store.remarks, *data.quality.remarks())
    if reused is not None:
        return reused.model_copy(update={"cost": _cost(wall, cpu), "remarks": remarks})
    unseen = None if champion is None else int(champion.unseen.sum())
    split = split_rows(request.data, data.pseudo, unseen, pseudo_share=spec.training.pseudo_share)
    checkpoints = RunCheckpoints(job.artifact_uri, request, job.checkpoint_seconds)
    checkpoints.begin()
    fitted = fit_and_validate(
        make_learner(spec, request.learner, request.learner_parameters),
        spec,
        data.rows,
        split,
        base=_base(store, request),
        champion=champion,
        seed=request.seed,
        progress=progress,
        checkpoint=lambda phase: checkpoints.at(phase, data.described.sha256),
    )
    golden = _golden(spec, fitted.model, champion)
    artifact = _write(job, data, fitted, golden, waits)
    checkpoints.end()
    return Succeeded(
        artifact=artifact.uri,
        artifact_sha256=artifact.sha256,
        metrics=fitted.metrics | golden.metrics,
        validation=fitted.validation,
        loss_bound=fitted.loss_bound,
        data=data.described,
        cost=_cost(wall, cpu),
        profile=_profile(request, spec, data, split, fitted),
        remarks=remarks,
        left_out=data.quality.left_out,
    )


def _base(store: Store, request: TrainingRequest) -> Model | None:
    if request.mode != "incremental":
        return None
    if request.base_artifact is None:
        raise ValueError("an incremental run needs the artifact of its base version")
    return store.open(request.base_artifact, request.base_sha256)[1]


def _champion(store: Store, request: TrainingRequest, spec: ModelSpec, data: DataSet) -> Champion | None:
    """The version to beat; None, and a remark, where it predicts another target."""
    if request.champion_artifact is None:
        return None
    found = store.comparable("the champion", request.champion_artifact, request.champion_sha256, spec)
    return None if found is None else Champion(found[1], _unseen(found[0], data))


def _unseen(champion: Artifact, data: DataSet) -> NDArray[np.bool_]:
    """Rows that came after everything the champion learnt from."""
    learnt = champion.manifest.data
    if learnt is None:
        return np.ones(len(data.rows), dtype=np.bool_)
    return np.asarray(data.offsets > learnt.last.offset)


@dataclass(frozen=True, slots=True)
class _Golden:
    metrics: dict[str, float]
    sha256: str | None


def _golden(spec: ModelSpec, model: Model, champion: Champion | None) -> _Golden:
    """The gate of the golden set; nothing where the spec names none."""
    if spec.training.golden_set is None:
        return _Golden({}, None)
    golden = read_golden_set(spec.training.golden_set, spec)
    metrics = golden_metrics(spec, golden, model, champion.model if champion else None)
    return _Golden(metrics, golden.sha256)


def _write(job: Job, data: DataSet, fitted: Fitted, golden: _Golden, waits: WaitsFor) -> Artifact:
    request = job.run.request
    manifest = Manifest(
        model_id=request.model_id,
        version=request.version,
        run_id=request.message_id,
        learner=request.learner,
        parameters=dict(request.learner_parameters),
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
        libraries={name: found for name in _LIBRARIES if (found := _version(name))},
    )
    report = (data.quality.model_dump_json(indent=1) + "\n").encode()
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


def _profile(request: TrainingRequest, spec: ModelSpec, data: DataSet, split: Split, fitted: Fitted) -> ModelProfile:
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


def _cost(wall: float, cpu: float) -> TrainingCost:
    return TrainingCost(seconds=round(time.perf_counter() - wall, 6), cpu_seconds=round(_cpu_seconds() - cpu, 6))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
