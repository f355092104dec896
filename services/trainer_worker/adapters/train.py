"""One run inside its child process: data, base and champion in, artifact and report out."""

import resource
import time
from collections.abc import Callable

from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingCost
from driftloop.learners.entry_points import make_learner, refuse_unweighed, weighs_rows
from driftloop.learners.protocol import Learner, Model, Rows, Step
from trainer_worker.adapters.candidates import reuse
from trainer_worker.adapters.checkpoints import RunCheckpoints
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.other_versions import Store
from trainer_worker.adapters.prepared import prepared
from trainer_worker.adapters.version_files import golden_of, profile_of, write_version
from trainer_worker.core.train.fitting import fit_and_validate
from trainer_worker.core.train.run_report import Reused, Succeeded, WaitsFor


def train(job: Job, progress: Callable[[Step], None], waits: WaitsFor = lambda _what: None) -> Succeeded | Reused:
    """Train one version, unless an archived one does. The same job on the same rows gives the same artifact.

    `waits` is told what the run waits for: the archive, the artifact store, or nothing any more.

    Raises ValueError or `ArtifactError`, with a sentence, where it cannot be done.
    """
    wall, cpu = time.perf_counter(), _cpu_seconds()
    request, spec = job.run.request, job.run.spec
    learner = make_learner(spec, request.learner, request.learner_parameters)
    refuse_unweighed(spec, learner, request.learner)
    ready = prepared(job, waits)
    data, store, champion = ready.data, ready.store, ready.champion
    reused = reuse(store, request, spec, data, champion) if champion and champion.model else None
    remarks = (*store.remarks, *data.quality.remarks(), *_of_weights(learner, request.learner, data.rows))
    if reused is not None:
        return reused.model_copy(update={"cost": _cost(wall, cpu), "remarks": remarks})
    split = ready.split()
    checkpoints = RunCheckpoints(job.artifact_uri, request, job.checkpoint_seconds)
    checkpoints.begin()
    fitted = fit_and_validate(
        learner,
        spec,
        data.rows,
        split,
        base=_base(store, request),
        champion=champion,
        seed=request.seed,
        progress=progress,
        checkpoint=lambda phase: checkpoints.at(phase, data.described.sha256),
    )
    golden = golden_of(spec, fitted.model, champion)
    artifact = write_version(job, data, fitted, golden, waits)
    checkpoints.end()
    return Succeeded(
        artifact=artifact.uri,
        artifact_sha256=artifact.sha256,
        metrics=fitted.metrics | golden.metrics,
        validation=fitted.validation,
        loss_bound=fitted.loss_bound,
        data=data.described,
        cost=_cost(wall, cpu),
        profile=profile_of(request, spec, data, split, fitted),
        remarks=(*remarks, *fitted.remarks),
        left_out=data.quality.left_out,
    )


def _of_weights(learner: Learner, name: str, rows: Rows) -> tuple[str, ...]:
    """What a person is told where labels have weights and the learner may not look at them."""
    if rows.weights is None or weighs_rows(learner):
        return ()
    return (f"learner {name} does not say that it weighs rows: the weights of labels may count for nothing",)


def _base(store: Store, request: TrainingRequest) -> Model | None:
    if request.mode != "incremental":
        return None
    if request.base_artifact is None:
        raise ValueError("an incremental run needs the artifact of its base version")
    return store.open(request.base_artifact, request.base_sha256)[1]


def _cost(wall: float, cpu: float) -> TrainingCost:
    return TrainingCost(seconds=round(time.perf_counter() - wall, 6), cpu_seconds=round(_cpu_seconds() - cpu, 6))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
