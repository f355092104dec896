"""The child: one run, its reports down the socket, and then the end of the process."""

import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from driftloop.learners.protocol import Step
from driftloop.parent_death import die_with_parent
from driftloop.telemetry.memory import memory_mb
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.sandbox.kernel import enforce
from trainer_worker.adapters.sandbox.plan import Confinement, clear, of_child, settle
from trainer_worker.core.train.run_report import (
    Failed,
    OfChild,
    Progress,
    Reused,
    Succeeded,
    Told,
    Waiting,
    WaitsFor,
)

_PROGRESS_SECONDS = 0.1
_MEGABYTE = 1024 * 1024
_WATCH_SECONDS = 0.05


class Line:
    """The child's end of the wire: reports go out as lines of JSON."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._lock = threading.Lock()

    def read_job(self) -> Job:
        """The job: one line."""
        with self._wire.makefile("rb") as lines:
            return Job.model_validate_json(lines.readline())

    def wait_for_master_to_go(self) -> None:
        """Returns when the master's end is closed."""
        while self._wire.recv(4096):
            continue

    def say(self, report: Told) -> None:
        """Send a report."""
        with self._lock:
            self._wire.sendall(report.model_dump_json().encode() + b"\n")


class Teller:
    """Turns a learner's steps into progress reports: at most ten a second, and the seconds left."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._began = time.monotonic()
        self._told = 0.0

    def __call__(self, step: Step) -> None:
        """Take a step in."""
        now = time.monotonic()
        if now - self._told < _PROGRESS_SECONDS and step.step < step.steps:
            return
        self._told = now
        left = (now - self._began) / max(step.step, 1) * (step.steps - step.step)
        self._line.say(
            Progress(
                step=step.step,
                steps=max(step.steps, 1),
                training_loss=_finite(step.training_loss),
                validation_loss=_finite(step.validation_loss),
                seconds_left=round(left, 3),
            )
        )


def main(wire: socket.socket, nursery: int, memory_limit_mb: int, scratch: str) -> NoReturn:
    """Run the job that the wire brings, and end the process whatever happens. `scratch` is a folder of its own."""
    die_with_parent(nursery)
    line = Line(wire)
    job = line.read_job()
    confined = _confined(job, line, scratch)
    threading.Thread(target=_watch, args=(line, memory_limit_mb, memory_mb()), daemon=True).start()
    threading.Thread(target=_follow, args=(line,), daemon=True).start()
    executor = job.run.spec.training.executor
    if executor in ("child", "external"):  # a program's limit is on its own processes, which would inherit this one
        _limit_memory(memory_limit_mb)
    code = 0
    try:
        told: Told = _way_of(executor)(job, Teller(line), lambda what: line.say(Waiting(waits_for=what)))
        if executor == "child" and isinstance(told, Succeeded | Reused):
            told = told.model_copy(update=confined.record(told.remarks))
    except MemoryError:
        told = _over_memory(memory_limit_mb)
    except BaseException as error:  # noqa: BLE001  (whatever a learner raises ends its run and nothing else)
        told, code = Failed(reason=_sentence(error) + confined.hint(error)), 1
    try:
        clear(confined)  # before it is told: the model's next run may be given a folder that would go
        line.say(told)
    finally:
        os._exit(code)


def _confined(job: Job, line: Line, scratch: str) -> Confinement:
    """Keep this process to what its run needs, before it has a second thread: a thread that is there already is not
    kept to anything. Ends the process where that is required and cannot be."""
    try:
        confinement = of_child(job, scratch)
        if confinement.rules.keep_from:
            settle(scratch)
            confinement = confinement.without(enforce(confinement.rules))
    except (ValueError, OSError) as error:
        line.say(Failed(reason=str(error) if isinstance(error, ValueError) else f"the sandbox cannot be made: {error}"))
        os._exit(1)
    return confinement


def _way_of(executor: str) -> Callable[[Job, Callable[[Step], None], WaitsFor], OfChild]:
    """What trains a run, or imports what somebody else trained."""
    if executor == "command":
        from trainer_worker.adapters.command.train import train_by_command

        return train_by_command
    if executor in ("ray", "kubernetes-job"):
        from trainer_worker.adapters.cluster.train import train_on_cluster

        return train_on_cluster
    if executor == "external":
        from trainer_worker.adapters.command.answer import import_answer

        return import_answer
    from trainer_worker.adapters.train import train

    return train


def _sentence(error: BaseException) -> str:
    if isinstance(error, ValueError):
        return str(error)
    from driftloop.errors import UserError

    return error.sentence if isinstance(error, UserError) else f"the learner raised {type(error).__name__}: {error}"


def _over_memory(limit_mb: int) -> Failed:
    return Failed(reason=f"the run needed more memory than its limit of {limit_mb} MB")


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None


def _follow(line: Line) -> None:
    line.wait_for_master_to_go()
    os._exit(1)


def _limit_memory(limit_mb: int) -> None:
    """A soft wall: private memory beyond the limit raises MemoryError where it is asked for.

    RLIMIT_AS would count what is only reserved, and libraries reserve gigabytes.
    """
    if sys.platform == "linux":
        limit = (int(memory_mb(what="VmData")) + limit_mb) * _MEGABYTE
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _watch(line: Line, limit_mb: int, at_start_mb: float) -> None:
    """A hard wall: ends the process where resident memory has grown beyond the limit."""
    pause = threading.Event()
    while memory_mb() - at_start_mb <= limit_mb:
        pause.wait(_WATCH_SECONDS)
    line.say(_over_memory(limit_mb))
    os._exit(1)
