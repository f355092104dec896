"""Ends jobs of runs that nobody wants any more: in a thread, because a cluster may be away just then.

A marker in the run's folder comes first: a job that has not begun looks for it, and so does whoever watches one.
"""

import queue
import threading
from pathlib import Path

import structlog

from driftloop.rest import AwayError
from trainer_worker.adapters.cluster.ports import Clusters
from trainer_worker.adapters.cluster.watching import CANCELLED
from trainer_worker.core.train.run_report import Run

ON_CLUSTERS = frozenset({"ray", "kubernetes-job"})
_AGAIN_SECONDS, _TIMES = 5.0, 120
_CLOSE_SECONDS = 5.0
log = structlog.get_logger(__name__)


class Stopper:
    """One thread, begun with the first run to be stopped."""

    def __init__(self, runs_path: str, clusters: Clusters) -> None:
        self._runs, self._clusters = Path(runs_path).absolute(), clusters
        self._asked: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def stop(self, run: Run) -> None:
        """Have the jobs of a run ended; returns at once."""
        folder = self._runs / str(run.run_id)
        if not folder.is_dir():
            return
        (folder / CANCELLED).touch()
        self._asked.put(run)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="stop-jobs", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Give what is under way a moment."""
        self._closing.set()
        self._asked.put(None)
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _work(self) -> None:
        while (run := self._asked.get()) is not None:
            for made in sorted((self._runs / str(run.run_id)).glob("*/request.json")):
                self._end(run, _name(run, made))

    def _end(self, run: Run, name: str) -> None:
        from trainer_worker.adapters.cluster.train import cluster_of

        for _ in range(_TIMES):
            try:
                cluster = cluster_of(run.spec.training.executor, self._clusters)
                cluster.stop(name)
                cluster.clean(name)
            except AwayError as error:
                log.warning("a job is not stopped yet", job=name, why=str(error))
                if self._closing.wait(_AGAIN_SECONDS):
                    return
            except (ValueError, OSError) as error:
                log.warning("a job cannot be stopped", job=name, why=str(error))
                return
            else:
                log.info("a job was stopped", job=name)
                return


def _name(run: Run, made: Path) -> str:
    """The job of an attempt, by its folder alone: a worker may be killed between asking for a job and writing so."""
    phase, _, attempt = made.parent.name.partition(".")
    return f"driftloop-{run.run_id}-{phase}-{attempt or 1}"
