"""Webhooks: training requests are posted to systems of others, a thread a webhook, because they may be away just then.

A request may be posted twice (a worker dies between the answer and its commit), so it carries the run's id as its
`Idempotency-Key`, and "it is there already" (409) is as good as taken.
"""

import math
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from uuid import UUID

import structlog

from driftloop.rest import AwayError, open_url
from driftloop.secret_files import header_secret_in
from trainer_worker.core.train.run_report import Announced, Failed, Run
from trainer_worker.core.train.webhook import Webhook

_TIMEOUT_S = 10.0
_AGAIN_S = 5.0
_CLOSE_S = 5.0
_TAKEN, _LATER = 409, frozenset({408, 425, 429})
log = structlog.get_logger(__name__)


class Webhooks:
    """Tells webhooks of runs, again and again where they are away. No call blocks, and no webhook holds up another."""

    def __init__(self, known: Mapping[str, Webhook], *, again_seconds: float = _AGAIN_S) -> None:
        self._known, self._again_seconds = known, again_seconds
        self._asked: dict[UUID, Run] = {}
        self._due: dict[UUID, float] = {}
        self._since: dict[UUID, float] = {}
        self._ends: dict[UUID, Announced | Failed] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._threads: dict[str, threading.Thread] = {}

    @property
    def away(self) -> int:
        """Runs whose webhook has not answered for longer than one request may take, or has said that it is away."""
        with self._changed:
            late = time.monotonic() - _TIMEOUT_S
            return sum(since <= late for run_id, since in self._since.items() if run_id not in self._ends)

    def tell(self, run: Run) -> None:
        """Have the webhook of a run told; a run that it was asked for already is left as it is."""
        with self._changed:
            if run.run_id in self._asked:
                return
            now = time.monotonic()
            self._asked[run.run_id], self._due[run.run_id], self._since[run.run_id] = run, now, now
            self._changed.notify_all()
        name = _webhook_of(run)
        if name not in self._threads:
            self._threads[name] = threading.Thread(target=self._work, args=(name,), name=f"webhook {name}", daemon=True)
            self._threads[name].start()

    def reports(self) -> list[tuple[UUID, Announced | Failed]]:
        """Which runs were taken, and which were refused, for as long as they are kept."""
        with self._changed:
            return list(self._ends.items())

    def keep(self, run_ids: frozenset[UUID]) -> None:
        """Forget every run but these."""
        for run_id in self._asked.keys() - run_ids:
            self.forget(run_id)

    def forget(self, run_id: UUID) -> None:
        """Post a run no more: it is cancelled, or has its answer whatever its webhook said."""
        with self._changed:
            self._asked.pop(run_id, None)
            self._due.pop(run_id, None)
            self._ends.pop(run_id, None)
            self._since.pop(run_id, None)

    def close(self) -> None:
        """End the threads."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline = time.monotonic() + _CLOSE_S
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self, name: str) -> None:
        while (run := self._next(name)) is not None:
            end = self._told(run)
            with self._changed:
                if run.run_id not in self._asked:
                    continue
                if end is None:
                    self._since[run.run_id] = -math.inf
                    self._due[run.run_id] = time.monotonic() + self._again_seconds
                else:
                    self._ends[run.run_id] = end

    def _next(self, name: str) -> Run | None:
        """The run of a webhook that is due first, as soon as it is due; None at the end."""
        with self._changed:
            while not self._closing:
                due = [run_id for run_id in self._due if _webhook_of(self._asked[run_id]) == name]
                first = min(due, key=self._due.__getitem__, default=None)
                left = None if first is None else self._due[first] - time.monotonic()
                if first is not None and left is not None and left <= 0:
                    del self._due[first]
                    return self._asked[first]
                self._changed.wait(left)
        return None

    def _told(self, run: Run) -> Announced | Failed | None:
        """How it went; None where the webhook is away."""
        name = _webhook_of(run)
        webhook = self._known.get(name)
        if webhook is None:
            return Failed(
                reason=f"the trainer has no webhook {name}: name it in DRIFTLOOP_TRAINER_WORKER_WEBHOOKS, and start it "
                "again"
            )
        try:
            post(webhook, run)
        except AwayError as error:
            log.warning("a webhook does not answer", webhook=name, run=str(run.run_id), why=str(error))
            return None
        except (ValueError, OSError) as error:
            return Failed(reason=f"the webhook {name} does not take the request: {error}")
        log.info("a webhook has taken a request", webhook=name, run=str(run.run_id))
        return Announced()


def _webhook_of(run: Run) -> str:
    return run.spec.training.entry or ""


def post(webhook: Webhook, run: Run) -> None:
    """Post a run's request. Raises `AwayError` where it is to be tried again, and ValueError where it is refused."""
    headers = {
        "Content-Type": "application/json", "User-Agent": "driftloop", "Idempotency-Key": str(run.run_id),
        **webhook.headers,
    }  # fmt: skip
    if webhook.token_file is not None:
        headers["Authorization"] = f"Bearer {header_secret_in(webhook.token_file)}"
    request = urllib.request.Request(webhook.url, webhook.filled(run.request), headers, method="POST")  # noqa: S310
    try:
        with open_url(request, _TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _TAKEN:
                return
            if error.code >= 500 or error.code in _LATER:
                raise AwayError(f"{error.code} {error.reason}") from error
            raise ValueError(f"{error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise AwayError(str(error) or type(error).__name__) from error
