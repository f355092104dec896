"""Keeps processes running: starts them side by side, restarts what dies, gives up when that is futile.

Why one thread starts them all: on Linux a child is told of its parent's death by
`prctl(PR_SET_PDEATHSIG)`, and the system watches the *thread* that started it. That thread lives
as long as this supervisor, so nothing is left behind even when we are killed with -9.
"""

import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from driftloop.errors import ExitCode, UserError
from driftloop.tools.local.launching import Launcher, Running, Spawning
from driftloop.tools.local.programs import Program

_FOR_A_PERSON = (ExitCode.TOO_MANY_DEAD_LETTERS, ExitCode.STATE_MISMATCH)
"""Ends that another start does not mend."""


@dataclass(frozen=True, slots=True)
class RestartRule:
    """When to start again and when to give up: more than `deaths` within `within_seconds`."""

    deaths: int = 5
    within_seconds: float = 60.0
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0

    def wait(self, deaths: int) -> float:
        """Seconds before start number `deaths` + 1.

        >>> [RestartRule().wait(deaths) for deaths in (1, 2, 3, 9)]
        [0.1, 0.2, 0.4, 5.0]
        """
        return min(self.first_wait_seconds * 2.0 ** (deaths - 1), self.longest_wait_seconds)


@dataclass(slots=True)
class _Child:
    program: Program
    process: Running | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float = 0.0


class Supervisor:
    """Runs programs until it is stopped. Use as a context manager.

    `check()` raises the reason when a program was given up; callers that wait for anything else
    call it while they wait.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        logs: Path,
        *,
        rule: RestartRule = RestartRule(),
        on_start: Callable[[str, int], None] = lambda _name, _pid: None,
        launcher: Launcher | None = None,
        grace_seconds: float = 10.0,
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._logs, self._rule, self._on_start = logs, rule, on_start
        self._launcher, self._grace_seconds = launcher or Spawning(), grace_seconds
        self._stopping = threading.Event()
        self._failure: UserError | None = None
        self._thread = threading.Thread(target=self._keep_running, name="supervisor", daemon=True)

    def __enter__(self) -> "Supervisor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Raises UserError where a program keeps dying."""
        if self._failure is not None:
            raise self._failure

    def pids(self) -> dict[str, int]:
        """The process id of each program that runs now."""
        return {c.program.name: c.process.pid for c in self._children if c.process and c.process.poll() is None}

    def pause(self, seconds: float) -> None:
        """Wait while all is well; raises as `check` does."""
        self._stopping.wait(seconds)
        self.check()

    def wait_ready(self, seconds: float) -> None:
        """Return once every program says that it is ready; raises UserError at the deadline.

        One that is not vital is not waited for past its third part: what it serves may come later.
        """
        deadline = time.monotonic() + seconds
        waiting = [child.program for child in self._children]
        while waiting:
            self.check()
            waiting = [program for program in waiting if not _is_ready(program.port)]
            if time.monotonic() > deadline - seconds * 2 / 3:
                waiting = [program for program in waiting if program.vital]
            if waiting and time.monotonic() > deadline:
                name = waiting[0].name
                raise UserError(f"{name} is not ready after {seconds:.0f} s: {self._last_words(name)}")
            self._stopping.wait(0.05 if waiting else 0)

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those still there after the grace; without a grace SIGKILL at once."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(max(1.0, self._grace_seconds))
        running = [child.process for child in self._children if child.process]
        for process in running:
            self._ask_to_end(process)
        deadline = time.monotonic() + self._grace_seconds
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            for child in self._children:
                self._tend(child, time.monotonic())
            self._stopping.wait(0.05)
        # The thread must outlive the children it started: it ends only after they have had SIGTERM.
        for child in self._children:
            if child.process:
                self._ask_to_end(child.process)
        for child in self._children:
            if child.process:
                self._await_end(child.process)

    def _ask_to_end(self, process: Running) -> None:
        if self._grace_seconds:
            process.terminate()
        else:
            process.kill()

    def _await_end(self, process: Running) -> None:
        try:
            process.wait(self._grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()

    def _tend(self, child: _Child, now: float) -> None:
        if child.process is None:
            if now >= child.start_at and self._failure is None:
                child.process = self._start(child.program)
            return
        code = child.process.poll()
        if code is None:
            return
        child.process = None
        child.deaths = [moment for moment in child.deaths if now - moment < self._rule.within_seconds] + [now]
        child.start_at = now + self._rule.wait(len(child.deaths))
        if child.program.vital and (code in _FOR_A_PERSON or len(child.deaths) > self._rule.deaths):
            name = child.program.name
            self._failure = UserError(f"{name} stopped (exit code {code}): {self._last_words(name)}")

    def _start(self, program: Program) -> Running:
        process = self._launcher.start(program, self._logs / f"{program.name}.log")
        self._on_start(program.name, process.pid)
        return process

    def _last_words(self, name: str) -> str:
        path = self._logs / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines()[-3:] if path.is_file() else []
        return f"{' / '.join(line.strip()[:300] for line in lines) or 'it said nothing'} (log: {path})"


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False
