"""One run of a program on a cluster, proven and taken in as a command's is."""

import shlex
from collections.abc import Callable
from pathlib import Path

from driftloop.learners.protocol import Rows, Step
from driftloop.rest import AwayError
from trainer_worker.adapters.cluster.kubernetes import KubernetesJobs
from trainer_worker.adapters.cluster.ports import Attempt, Cluster, Clusters
from trainer_worker.adapters.cluster.ray import RayJobs
from trainer_worker.adapters.cluster.watching import ATTEMPTS, Watch, result_of
from trainer_worker.adapters.command.folder import Phase, RunFolder, with_holes
from trainer_worker.adapters.command.importing import imported_model
from trainer_worker.adapters.command.logs import keep_logs
from trainer_worker.adapters.command.processes import CommandFailedError
from trainer_worker.adapters.command.train import Phased, command_line, train_by_program
from trainer_worker.adapters.job import Job
from trainer_worker.core.train.run_report import Succeeded, WaitsFor


def train_on_cluster(job: Job, progress: Callable[[Step], None], waits: WaitsFor = lambda _what: None) -> Succeeded:
    """Train one version with a job on a cluster. Raises ValueError, with a sentence, where it fails."""

    def look(folder: RunFolder) -> None:
        for step in folder.steps():
            progress(step)

    watch = Watch(cluster_of(job.run.spec.training.executor, job.clusters), look, waits)

    def run(phase: Phase, training: Rows, held_out: Rows) -> Phased:
        return run_phase(job, watch, phase, training, held_out)

    return train_by_program(job, waits, run)


def cluster_of(executor: str, clusters: Clusters) -> Cluster:
    """The cluster of an executor. Raises ValueError, with a sentence, where the settings do not name it."""
    if executor == "ray":
        return RayJobs.of(clusters)
    return KubernetesJobs.of(clusters)


def run_phase(job: Job, watch: Watch, phase: Phase, training: Rows, held_out: Rows) -> Phased:
    """The model that the newest attempt left, what it says of it, and its folder."""
    spec, cluster = job.run.spec, watch.cluster
    for number in range(newest_attempt(job, phase), ATTEMPTS + 1):
        folder = RunFolder(Path(job.runs_path), job.run.request, phase, number)
        if not folder.is_made:
            folder.make(spec, training, held_out)
        attempt = attempt_of(job, folder)
        try:
            result = result_of(watch, folder, attempt)
        finally:
            _keep_logs(job, cluster, folder, attempt.name)
        if result is not None and newest_attempt(job, phase) == number:
            cluster.clean(attempt.name)
            return imported_model(folder, result, spec, with_holes(training, spec)), result, folder
    raise CommandFailedError(f"the job was lost {ATTEMPTS} times: it is not tried again")


def newest_attempt(job: Job, phase: Phase) -> int:
    """The highest attempt that anybody has begun; 1 where nobody has."""
    numbers = range(ATTEMPTS, 1, -1)
    folders = (RunFolder(Path(job.runs_path), job.run.request, phase, number) for number in numbers)
    return next((folder.attempt for folder in folders if folder.is_made), 1)


def attempt_of(job: Job, folder: RunFolder) -> Attempt:
    """The job of an attempt, as a cluster is asked for it."""
    training = job.run.spec.training
    runs = job.clusters.runs_seen_at or str(Path(job.runs_path).absolute())
    seen = f"{runs}/{folder.path.relative_to(Path(job.runs_path).absolute())}"
    return Attempt(
        name=f"driftloop-{job.run.run_id}-{folder.phase}-{folder.attempt}",
        command=["python" if word == "{python}" else word for word in shlex.split(command_line(job))],
        folder=seen,
        runs=runs,
        variables={"RUN_FOLDER": seen, "RUN_PHASE": folder.phase},
        time_limit_seconds=training.time_limit_seconds,
        memory_limit_mb=training.memory_limit_mb,
        wants=training.cluster,
    )


def _keep_logs(job: Job, cluster: Cluster, folder: RunFolder, name: str) -> None:
    try:
        said = cluster.logs(name)
    except AwayError:
        said = b""  # what it wrote to its folder is kept all the same
    if said:
        (folder.path / "stdout.log").write_bytes(said)
    keep_logs(job.artifact_uri, folder.root)
