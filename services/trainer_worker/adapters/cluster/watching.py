"""One phase of a run on a cluster: begun once, watched to its end, begun anew where it was lost.

A restart in the middle finds the folder of the attempt, and goes on watching. What decides is what lies in the folder:
a valid result is taken whatever the cluster says of the job, because clusters forget and mistake ends.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from driftloop.rest import AwayError
from trainer_worker.adapters.cluster.ports import Attempt, Cluster, JobRefusedError, JobState
from trainer_worker.adapters.command.folder import SUBMITTED, ResultFile, RunFolder
from trainer_worker.adapters.command.processes import CommandFailedError
from trainer_worker.core.train.run_report import WaitsFor

LOST_SECONDS = 75.0
"""A job that the cluster does not know any more may go on for a minute, where its head was restarted."""
_SETTLES_SECONDS = 5.0
"""A result that lies there for so long is one, though the job is said to be running."""
_LOOK_SECONDS = 1.0
ATTEMPTS = 3
CANCELLED = "cancelled"


@dataclass(slots=True)
class Watch:
    """What watching needs: the cluster, whom to tell, and the clock."""

    cluster: Cluster
    look: Callable[[RunFolder], None]
    waits: WaitsFor = lambda _what: None
    clock: Callable[[], float] = time.monotonic
    lost_seconds: float = LOST_SECONDS
    look_seconds: float = _LOOK_SECONDS
    settles_seconds: float = _SETTLES_SECONDS
    away: bool = field(default=False, init=False)

    def answered(self, *, away: bool) -> None:
        """Tell where that has changed."""
        if away != self.away:
            self.away = away
            self.waits("cluster" if away else "")


def result_of(watch: Watch, folder: RunFolder, attempt: Attempt) -> ResultFile | None:
    """What an attempt came to; None where it was lost, and another may be made.

    Raises `CommandFailedError`, with a sentence, where its program failed or the cluster does not take it.
    """
    lost, settled = _Since(watch.clock), _Since(watch.clock)
    while True:
        require_wanted(folder)
        watch.look(folder)
        found = valid_result(folder)
        state = _told(watch, folder, attempt, has_result=found is not None)
        settles = settled.seconds(found is not None) >= watch.settles_seconds
        if found is not None and (state.ended or state.kind == "gone" or settles):
            watch.look(folder)
            return found
        if state.ended:
            watch.look(folder)
            return _end(folder, state)
        if lost.seconds(state.kind == "gone") >= watch.lost_seconds:
            return None
        watch.cluster.wait(attempt.name, watch.look_seconds)


@dataclass(slots=True)
class _Since:
    """How long something has been true without a break."""

    clock: Callable[[], float]
    began: float | None = None

    def seconds(self, is_true: object) -> float:
        """So long; below 0 while it is not."""
        if not is_true:
            self.began = None
            return -1.0
        now = self.clock()
        self.began = now if self.began is None else self.began
        return now - self.began


def _told(watch: Watch, folder: RunFolder, attempt: Attempt, *, has_result: bool) -> JobState:
    try:
        state = _state(watch.cluster, folder, attempt, has_result=has_result)
    except AwayError:
        watch.answered(away=True)
        return JobState("runs", "the cluster does not answer")
    watch.answered(away=False)
    return state


def _state(cluster: Cluster, folder: RunFolder, attempt: Attempt, *, has_result: bool) -> JobState:
    """How the job is; it is begun where that was not tried yet."""
    state = cluster.look(attempt.name)
    marker = folder.path / SUBMITTED
    if state.kind == "gone" and not has_result and not marker.exists():
        marker.touch()
        try:
            cluster.begin(attempt)
        except AwayError:
            marker.unlink()  # not known whether it was taken: it is looked for before it is begun again
            raise
        except JobRefusedError as error:
            raise CommandFailedError(str(error)) from error
        return JobState("waits")
    if state.kind in ("waits", "runs"):
        marker.touch()
    return state


def _end(folder: RunFolder, state: JobState) -> ResultFile | None:
    found = valid_result(folder)  # it may have come after the last look
    if found is not None:
        return found
    if state.kind == "succeeded":
        return folder.result()  # says why it is not usable
    if state.again:
        return None
    raise CommandFailedError(state.why)


def valid_result(folder: RunFolder) -> ResultFile | None:
    """The result that lies in the folder; None where there is none, or half of one."""
    try:
        return folder.result()
    except ValueError:
        return None


def require_wanted(folder: RunFolder) -> None:
    """Raises `CommandFailedError` where the run was cancelled."""
    if (folder.root / CANCELLED).exists():
        raise CommandFailedError("the run was cancelled")
