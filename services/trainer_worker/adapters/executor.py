"""Runs in child processes of a nursery; satisfies `Executor`. One thread uses it, and no call blocks."""

import contextlib
import itertools
import json
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

import structlog
from pydantic import TypeAdapter

from driftloop.errors import AwayError
from trainer_worker.adapters.cluster.ports import Clusters
from trainer_worker.adapters.cluster.stopping import ON_CLUSTERS, Stopper
from trainer_worker.adapters.command.folder import let_go
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.nursery import as_line
from trainer_worker.adapters.nursery_process import NurseryProcess, can_fork, start_nursery
from trainer_worker.adapters.sandbox.plan import Sandbox
from trainer_worker.adapters.webhooks import Webhooks
from trainer_worker.core.train.run_report import Failed, Progress, Report, Reused, Run, Succeeded, Told, Waiting
from trainer_worker.core.train.webhook import Webhook
from trainer_worker.metrics import TrainMetrics

_TOLD: TypeAdapter[Told] = TypeAdapter(Told)
_GRACE_SECONDS = 5.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """Where rows come from, where versions go, how long to wait for the archive, how often to keep a checkpoint."""

    archive_uri: str
    artifact_uri: str
    archive_wait_seconds: float = 120.0
    checkpoint_seconds: float = 2.0
    runs_path: str = ".driftloop/runs"
    """Where the folders of commands' runs are made."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Command lines that specs may name."""
    clusters: Clusters = field(default_factory=Clusters)
    """Where the clusters of executors ray and kubernetes-job are."""
    trusted_keys: tuple[str, ...] = ()
    """Public keys, one of which must have signed every artifact that a run loads; none: that is not asked for."""
    sandbox: Sandbox = field(default_factory=Sandbox)
    """What trains is kept from."""


@dataclass(slots=True)
class _Wire:
    """Our end of a socket on which lines of JSON arrive."""

    socket: socket.socket
    received: bytes = b""
    closed: bool = False

    def lines(self) -> list[bytes]:
        """The whole lines that have arrived since the last call; `closed` then says whether more may come."""
        try:
            while chunk := self.socket.recv(1 << 20):
                self.received += chunk
            self.closed = True
        except BlockingIOError:
            self.closed = False
        except ConnectionError:
            self.closed = True
        *lines, self.received = self.received.split(b"\n")
        return lines


@dataclass(slots=True, eq=False)
class _Nursery:
    process: NurseryProcess
    control: _Wire
    taken: set[int] = field(default_factory=set)
    """Tickets of the children that it has set out to fork."""
    codes: dict[int, int] = field(default_factory=dict)
    """Exit codes of children that ended, by ticket."""


@dataclass(slots=True)
class _Child:
    nursery: _Nursery
    ticket: int
    """Names this child alone: the same run may be started again."""
    wire: _Wire


@dataclass(slots=True)
class _Running:
    run: Run
    child: _Child
    began: float
    second_child: bool = False
    closed_at: float | None = None
    progress: Progress | None = None
    waits_for: str = ""
    end: Succeeded | Reused | Failed | None = None


class ChildProcesses:
    """The executor. `warm` names the learners that are made ready before the first run, `webhooks` whom to tell of
    runs that others train."""

    def __init__(
        self,
        places: Places,
        metrics: TrainMetrics,
        warm: tuple[str, ...] = (),
        webhooks: Mapping[str, Webhook] | None = None,
    ) -> None:
        self.places = places
        self._metrics = metrics
        self._warm = warm
        self._runs: dict[UUID, _Running] = {}
        self._nursery: _Nursery | None = None
        self._tickets = itertools.count(1)
        self._stopper = Stopper(places.runs_path, places.clusters)
        self._webhooks = Webhooks(webhooks or {})

    @property
    def nursery_pid(self) -> int | None:
        """The process that forks the children; None before there is one."""
        return None if self._nursery is None else self._nursery.process.pid

    def fork_early(self) -> None:
        """Start the nursery now, if it can be forked: to be called before there is a client of Kafka."""
        if can_fork():
            with contextlib.suppress(OSError):  # no room for it now: `warm_up` tries again
                self._alive_nursery()

    def warm_up(self) -> None:
        """Start the nursery now, so that the first run need not wait for it."""
        self._alive_nursery()

    def start(self, run: Run) -> None:
        """Start a child for the run, or tell its webhook.

        Raises AwayError where this machine has no room for one more process.
        """
        if run.waits_for_answer:
            self._webhooks.tell(run)
            return
        self._webhooks.forget(run.run_id)
        if run.run_id in self._runs:
            return
        self._runs[run.run_id] = _Running(run, self._child_for(run), time.monotonic())
        self._metrics.running.set(self._count_running())
        log.info("training started", run=str(run.run_id), model=run.request.model_id, version=run.request.version)

    def _child_for(self, run: Run) -> _Child:
        try:
            return self._forked(run)
        except OSError as error:  # no memory, no more files or processes: the request is not to blame
            raise AwayError(f"no process can be started for run {run.run_id}: {error}") from error

    def _forked(self, run: Run) -> _Child:
        nursery, ticket = self._alive_nursery(), next(self._tickets)
        ours, theirs = socket.socketpair()
        limit = run.spec.training.memory_limit_mb
        order = {"child": ticket, "learner": run.request.learner, "memory_limit_mb": limit}
        job = Job(run=run, **asdict(self.places))
        with theirs, contextlib.suppress(ConnectionError):  # a nursery that dies now is seen as the child's end
            socket.send_fds(nursery.control.socket, [as_line(order)], [theirs.fileno()])
            ours.sendall(as_line(job.model_dump(mode="json")))
        ours.settimeout(0)
        return _Child(nursery, ticket, _Wire(ours))

    def holds(self, run_id: UUID) -> bool:
        """Whether the run is running here, or has ended here."""
        return run_id in self._runs

    def reports(self) -> Iterable[tuple[UUID, Report]]:
        """Progress since the last call, and ends."""
        found: list[tuple[UUID, Report]] = list(self._webhooks.reports())
        for run_id, running in self._runs.items():
            if running.end is None:
                self._hear(running)
            if running.progress is not None:
                found.append((run_id, running.progress))
                running.progress = None
            if running.end is not None:
                found.append((run_id, running.end))
        self._show_waits()
        return found

    def oldest_run_seconds(self) -> float:
        """How long the oldest run in progress has taken so far; 0 where there is none."""
        began = [running.began for running in list(self._runs.values()) if running.end is None]
        return time.monotonic() - min(began) if began else 0.0

    def _show_waits(self) -> None:
        """Count the runs that wait for something outside."""
        waiting = [running.waits_for for running in self._runs.values() if running.end is None]
        self._metrics.archive.set(waiting.count("archive"))
        self._metrics.store.set(waiting.count("store"))
        self._metrics.cluster.set(waiting.count("cluster"))
        self._metrics.webhook.set(self._webhooks.away)

    def cancel(self, run: Run) -> None:
        """End the jobs that the run has begun on a cluster, in the background; its child is ended by `keep`.

        Its rows leave this machine's disk.
        """
        self._let_go(run)
        if run.spec.training.executor not in ON_CLUSTERS:
            return
        try:
            self._stopper.stop(run)
        except OSError as error:
            raise AwayError(f"run {run.run_id} cannot be marked as cancelled: {error}") from error

    def _let_go(self, run: Run) -> None:
        """Remove the rows of a run that has ended from its folder."""
        on_cluster = run.spec.training.executor in ON_CLUSTERS
        try:
            let_go(Path(self.places.runs_path) / str(run.run_id), may_be_asked_again=on_cluster)
        except OSError as error:
            log.warning("rows of a run stay in its folder: remove them", run=str(run.run_id), why=str(error))

    def keep(self, run_ids: frozenset[UUID]) -> None:
        """Kill and forget every run but these."""
        self._webhooks.keep(run_ids)
        for run_id in [known for known in self._runs if known not in run_ids]:
            running = self._runs.pop(run_id)
            if running.end is None:
                _kill(running)
            elif not (isinstance(running.end, Failed) and running.end.again):
                self._let_go(running.run)  # once more: a program that was killed may have gone on for a moment
            running.child.wire.socket.close()
        self._metrics.running.set(self._count_running())
        self._show_waits()

    def close(self) -> None:
        """Kill what runs, and the nursery."""
        self.keep(frozenset())
        self._stopper.close()
        self._webhooks.close()
        if self._nursery is None:
            return
        self._nursery.control.socket.close()
        try:
            self._nursery.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._nursery.process.kill()
            self._nursery.process.wait()
        self._nursery = None

    def _alive_nursery(self) -> _Nursery:
        if self._nursery is not None:
            _hear_nursery(self._nursery)
            running = {one.child.ticket for one in self._runs.values() if one.end is None}
            self._nursery.taken &= running
            self._nursery.codes = {child: code for child, code in self._nursery.codes.items() if child in running}
            if self._nursery.control.closed:  # dying processes close their files before they can be waited for
                self._nursery.process.kill()
                self._nursery.process.wait()
                self._nursery = None
        if self._nursery is None:
            self._nursery = _start_nursery(self._warm)
        return self._nursery

    def _hear(self, running: _Running) -> None:
        """Read what the child has said; notice its end and its limits."""
        if _drain(running) and running.closed_at is None:
            running.closed_at = time.monotonic()
        if running.end is None and running.closed_at is not None:
            if not running.second_child and _never_forked(running.child):
                running.child.wire.socket.close()
                running.child, running.closed_at, running.second_child = self._child_for(running.run), None, True
            else:
                running.end = _obituary(running, running.closed_at)
        limit = running.run.spec.training.time_limit_seconds
        if running.end is None and time.monotonic() - running.began > limit:
            running.end = Failed(reason=f"the run took longer than its limit of {limit:g} seconds")
            _kill(running)
        if running.end is not None:
            self._record_end(running)

    def _record_end(self, running: _Running) -> None:
        end, request = running.end, running.run.request
        if isinstance(end, Failed) and not end.again:
            self.cancel(running.run)
        elif not isinstance(end, Failed):
            self._let_go(running.run)
        seconds = time.monotonic() - running.began
        self._metrics.runs.labels(status=end.kind if end else "failed").inc()
        self._metrics.seconds.labels(learner=request.learner, mode=request.mode).observe(seconds)
        self._metrics.running.set(self._count_running())
        if isinstance(end, Succeeded):
            self._metrics.rows.inc(end.data.rows)
            self._metrics.left_out.labels(model=request.model_id).inc(end.left_out)
            if end.left_out:
                log.warning("rows were left out", run=str(request.message_id), rows=end.left_out, why=end.remarks[0])
            log.info("training succeeded", run=str(request.message_id), version=request.version, seconds=seconds)
        elif isinstance(end, Reused):
            log.info("an archived version does again", run=str(request.message_id), version=end.version)
        elif end is not None:
            log.warning("training failed", run=str(request.message_id), reason=end.reason, seconds=seconds)

    def _count_running(self) -> int:
        return sum(running.end is None for running in self._runs.values())


def _drain(running: _Running) -> bool:
    """Take in all that has arrived; True when the child's end is closed."""
    for line in running.child.wire.lines():
        report = _TOLD.validate_json(line)
        if isinstance(report, Waiting):
            running.waits_for = report.waits_for
        elif isinstance(report, Progress):
            running.progress = report
        elif running.end is None:
            running.end = report
    return running.child.wire.closed


def _never_forked(child: _Child) -> bool:
    """Whether its nursery died before it set out to fork it, which a dying nursery does not tell beforehand."""
    _hear_nursery(child.nursery)
    return child.nursery.control.closed and child.ticket not in child.nursery.taken


def _obituary(running: _Running, closed_at: float) -> Failed | None:
    """Why a child is gone that has not said how its run ended; its nursery gets a moment to tell."""
    nursery = running.child.nursery
    _hear_nursery(nursery)
    code = nursery.codes.pop(running.child.ticket, None)
    if code is None and not nursery.control.closed and time.monotonic() - closed_at < _GRACE_SECONDS:
        return None
    how = f"by signal {-code}" if code is not None and code < 0 else "unexpectedly"
    return Failed(reason=f"the process that trained was ended {how}", again=True)


def _hear_nursery(nursery: _Nursery) -> None:
    """Take in which children have ended, and whether the nursery itself has."""
    for line in nursery.control.lines():
        told = json.loads(line)
        if "fork" in told:
            nursery.taken.add(told["fork"])
        else:
            nursery.codes[told["gone"]] = told["code"]


def _kill(running: _Running) -> None:
    with contextlib.suppress(ConnectionError):  # a nursery that is gone took its children along
        running.child.nursery.control.socket.sendall(as_line({"kill": running.child.ticket}))


def _start_nursery(warm: tuple[str, ...]) -> _Nursery:
    ours, theirs = socket.socketpair()
    with theirs:
        process = start_nursery(theirs)
    for learner in warm:
        ours.sendall(as_line({"warm": learner}))
    ours.settimeout(0)
    return _Nursery(process, _Wire(ours))
