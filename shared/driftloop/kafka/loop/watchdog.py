"""Ends a process whose loop hangs: a replica that stands still in silence holds its partitions for ever.

Why end it, and not mend it: a thread inside the Kafka client cannot be woken, and its producer may not be used
by another thread. Killing a replica at any moment loses nothing and doubles nothing, a supervisor starts it
again, and its successor fences whatever the hung client might still do.

Ages are counted in the time that the watchdog itself ran: a process that was frozen, or a machine that slept, is
not taken for one that hangs. The one thing that it cannot see is native code that holds the interpreter's lock
for ever; the Kafka client lets go of it in every call, and `/livez` does not answer then.
"""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from driftloop.errors import ExitCode
from driftloop.kafka.clients.under_way import CALLS, Step
from driftloop.kafka.deadlines import Deadlines

_LAST_WORDS_S = 5.0
"""For the log line and the stacks: whoever reads them may hang as well."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """What a thread has been at without progress, and for how many seconds. `call=None`: a core's own work."""

    call: str | None
    seconds: float

    @property
    def words(self) -> str:
        """As the log says it."""
        return self.call or "the core's own work"


class Standstills:
    """How long each thread has been at the same step, from looks at them now and then. No clock of its own."""

    def __init__(self, loop_thread: int) -> None:
        self._loop = loop_thread
        self._seen: dict[int, tuple[Step, float]] = {}

    def look(self, steps: Mapping[int, Step], passed_s: float) -> None:
        """See what the threads do now, `passed_s` after the last look."""
        seen = {}
        for thread, step in steps.items():
            before, seconds = self._seen.get(thread, (step, -passed_s))
            seen[thread] = step, (seconds + passed_s if before == step else 0.0)
        self._seen = seen

    def stuck(self, deadlines: Deadlines) -> Standstill | None:
        """The first that lasts longer than anything may: a call anywhere, or the loop's own work."""
        for thread, (step, seconds) in self._seen.items():
            own = step.call is None
            if own and thread != self._loop:
                continue
            if seconds > _limit_s(step.call, deadlines):
                return Standstill(step.call, seconds)
        return None

    @property
    def of_loop(self) -> Standstill:
        """What the loop's thread is at."""
        step, seconds = self._seen.get(self._loop, (Step(None, 0), 0.0))
        return Standstill(step.call, seconds)


class Watchdog:
    """A thread that looks at the calling thread's loop until `stop`. `end` is given the exit code."""

    def __init__(
        self,
        deadlines: Deadlines,
        *,
        end: Callable[[int], object] = os._exit,
        steps: Callable[[], Mapping[int, Step]] = CALLS.steps,
    ) -> None:
        self._deadlines, self._end, self._steps = deadlines, end, steps
        self._every_s = min(0.5, deadlines.stuck_s / 20)
        self._standstills = Standstills(threading.get_ident())
        self._stopping = threading.Event()
        self._stuck = self._warned = False
        self._log = structlog.get_logger()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    @property
    def alive(self) -> bool:
        """Liveness: nothing hangs for good."""
        return not self._stuck

    @property
    def in_time(self) -> bool:
        """Whether the loop makes progress: without it the replica is not ready."""
        return not self._stuck and self.standstill_s < self._deadlines.unready_s

    @property
    def standstill_s(self) -> float:
        """Seconds since the loop's thread last began or ended a call."""
        return self._standstills.of_loop.seconds

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._stopping.wait(self._every_s):
            now = time.monotonic()
            self._standstills.look(self._steps(), min(now - looked, 2 * self._every_s))
            looked = now
            self._warn()
            if (stuck := self._standstills.stuck(self._deadlines)) is not None:
                self._end_process(stuck)
                return

    def _warn(self) -> None:
        """Say once of each standstill that it lasts."""
        now = self._standstills.of_loop
        lasts = now.seconds >= self._deadlines.unready_s
        if lasts and not self._warned:
            self._log.warning("no progress: not ready", call=now.words, seconds=round(now.seconds, 1))
        self._warned = lasts

    def _end_process(self, stuck: Standstill) -> None:
        self._stuck = True
        last_resort = threading.Timer(_LAST_WORDS_S, self._end, (int(ExitCode.STUCK),))
        last_resort.daemon = True
        last_resort.start()
        self._log.critical(
            "stuck",
            call=stuck.words,
            seconds=round(stuck.seconds, 1),
            limit_seconds=_limit_s(stuck.call, self._deadlines),
            reason=f"{stuck.words} has not come back for {stuck.seconds:.0f} s; the process ends with exit code "
            f"{int(ExitCode.STUCK)} and is to be started again: nothing is lost, its input waits in Kafka",
        )
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        sys.stderr.flush()
        self._end(int(ExitCode.STUCK))


def _limit_s(call: str | None, deadlines: Deadlines) -> float:
    """How long a step may last: a core's own work, leaving, any other call."""
    if call is None:
        return deadlines.core_s
    return deadlines.leave_s if call == "close" else deadlines.stuck_s
