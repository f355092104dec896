"""One run of executor `command`: rows out to a program, its model in, proven on rows that it has not seen."""

import resource
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from driftloop.contracts.training_results import TrainingCost
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.recency import by_age
from trainer_worker.adapters.command.folder import Phase, ResultFile, RunFolder
from trainer_worker.adapters.command.importing import imported_model
from trainer_worker.adapters.command.logs import keep_logs
from trainer_worker.adapters.command.processes import run_command
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.prepared import prepared
from trainer_worker.adapters.sandbox.plan import of_command
from trainer_worker.adapters.version_files import golden_of, profile_of, write_version
from trainer_worker.core.train.fitting import Fitted, judged, training_figures
from trainer_worker.core.train.run_report import Succeeded, WaitsFor

Progress = Callable[[Step], None]
Phased = tuple[Model | None, ResultFile, RunFolder]
RunPhase = Callable[[Phase, Rows, Rows], Phased]
"""Runs a program on training and held-out rows: the model that it left, what it says of it, and the folder."""


def train_by_command(job: Job, progress: Progress, waits: WaitsFor = lambda _what: None) -> Succeeded:
    """Train one version with the command that the spec names. Raises ValueError, with a sentence, where it fails."""
    confined = of_command(job, Path(job.runs_path))  # one that is required and cannot be is told before rows are read
    made = train_by_program(
        job, waits, lambda phase, training, held_out: _run(job, phase, training, held_out, progress)
    )
    return made.model_copy(update=confined.record(made.remarks))


def train_by_program(job: Job, waits: WaitsFor, run: RunPhase) -> Succeeded:
    """Train one version with a program, wherever `run` runs it. Raises ValueError, with a sentence, where it fails."""
    began, request, spec = time.perf_counter(), job.run.request, job.run.spec
    command_line(job)  # one that is not there is told before rows are waited for
    ready = prepared(job, waits)
    data, store, champion, split = ready.data, ready.store, ready.champion, ready.split()
    held_out = data.rows.take(split.held_out)
    proof, result, folder = run("proof", by_age(data.rows.take(split.training), spec.training.recency), held_out)
    said = proof.predict(held_out) if proof is not None else folder.predictions(result.predictions, spec, len(held_out))
    verdict = judged(spec, data.rows, split, said, champion)
    model, refitted = proof, False
    if result.refits and spec.training.refit:
        model, result, _ = run("refit", by_age(data.rows.take(split.everything), spec.training.recency), held_out)
        refitted = True
    fitted = Fitted(
        model, verdict.validation, verdict.losses, verdict.loss_bound, verdict.metrics, said, verdict.remarks
    )
    golden = golden_of(spec, model, champion)
    artifact = None
    if model is not None:
        environment = {f"command {name}": text for name, text in result.environment.items()}
        artifact = write_version(job, data, fitted, golden, waits, made_by="onnx", libraries=environment)
    return Succeeded(
        artifact=artifact.uri if artifact else None,
        artifact_sha256=artifact.sha256 if artifact else None,
        metrics=fitted.metrics | golden.metrics | training_figures(spec, data.rows, split),
        validation=fitted.validation,
        loss_bound=fitted.loss_bound,
        data=data.described,
        cost=cost_since(began),
        profile=profile_of(request, spec, data, split, fitted),
        remarks=(*store.remarks, *data.quality.remarks(), *fitted.remarks),
        left_out=data.quality.left_out,
        refitted=refitted,
    )


def command_line(job: Job) -> str:
    """The command that the spec names, as the settings say it. Raises ValueError where they do not."""
    entry = job.run.spec.training.entry or ""
    line = job.commands.get(entry)
    if line is None:
        known = ", ".join(sorted(job.commands)) or "none"
        raise ValueError(
            f"the trainer has no command {entry!r} (it has: {known}): name it in "
            "DRIFTLOOP_TRAINER_WORKER_COMMANDS, and start the trainer again"
        )
    return line


def _run(job: Job, phase: Phase, training: Rows, held_out: Rows, progress: Progress) -> Phased:
    """One run of the command: the model that it left, what it says of it, and the folder."""
    folder, spec = RunFolder(Path(job.runs_path), job.run.request, phase), job.run.spec
    checked = folder.make(spec, training, held_out)

    def look() -> None:
        for step in folder.steps():
            progress(step)

    variables = {"RUN_FOLDER": str(folder.path), "RUN_PHASE": phase}
    try:
        command = [sys.executable if word == "{python}" else word for word in shlex.split(command_line(job))]
        run_command(
            command, folder.path, variables, memory_limit_mb=spec.training.memory_limit_mb, look=look,
            confined=of_command(job, folder.path),
        )  # fmt: skip
        result = folder.result()
        return imported_model(folder, result, spec, checked), result, folder
    finally:
        keep_logs(job.artifact_uri, folder.root)


def cost_since(began: float) -> TrainingCost:
    """Wall time, and the CPU time of this process and of all that the program started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    return TrainingCost(seconds=round(time.perf_counter() - began, 6), cpu_seconds=round(cpu, 6))
