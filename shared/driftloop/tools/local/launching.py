"""How a program is started: each by itself, or forked from a process that has its imports done."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from driftloop.parent_death import die_with_parent
from driftloop.tools.local.programs import SAME_HASHES, SERVICES, SINGLE_THREADED, Program, imports_of

_START_SECONDS = 120.0


class Running(Protocol):
    """A process that was started; as of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises `subprocess.TimeoutExpired`."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class Launcher(Protocol):
    """Starts programs; what a program says is added to a file."""

    def start(self, program: Program, log: Path) -> Running:
        """Start it; its end is for the caller to see."""
        ...

    def close(self) -> None:
        """Let go of what starting needs. What still runs may be killed."""
        ...


class Spawning:
    """A `Launcher` that runs each program's command.

    A child ends with the *thread* that started it (`PR_SET_PDEATHSIG`), however that ends.
    """

    def start(self, program: Program, log: Path) -> Running:
        """Run the command."""
        with log.open("ab") as said:
            return subprocess.Popen(
                program.command,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  (it makes one system call)
            )

    def close(self) -> None:
        """Nothing is held."""


class Forking:
    """A `Launcher` that lets `driftloop.tools.local.fork_server` fork; its imports begin when this is made.

    Programs must be Python modules (`python -m`). They end when this is closed, and with this process. What the
    imports say is added to `log`, if there is one.
    """

    def __init__(self, modules: Sequence[str], log: Path | None) -> None:
        self._modules, self._log = modules, log
        self._said = threading.Condition()
        self._started: list[_Forked] = []
        self._server = self._opened()

    def _opened(self) -> "subprocess.Popen[bytes]":
        with (self._log or Path(os.devnull)).open("ab") as said:
            server = subprocess.Popen(
                [sys.executable, "-m", "driftloop.tools.local.fork_server", *self._modules],
                env={**os.environ, **SINGLE_THREADED, **SAME_HASHES},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
        threading.Thread(target=self._hear, args=(server,), name="fork-server", daemon=True).start()
        return server

    def start(self, program: Program, log: Path) -> Running:
        """Ask for a fork; a server that was killed is started again."""
        if self._server.poll() is not None:
            self._server = self._opened()
        with self._said:
            forked = _Forked(self, self._server.pid, len(self._started))
            self._started.append(forked)
        order = {"start": forked.number, "command": program.command[2:], "log": str(log)}
        self.tell({**order, "environment": dict(program.environment)})
        return forked

    def close(self) -> None:
        """End the server, and all that still runs; one that has nothing to do yet may still be importing."""
        assert self._server.stdin is not None
        if not self._started:
            self._server.kill()
        with contextlib.suppress(BrokenPipeError):  # it has gone, and an order to it was left in the buffer
            self._server.stdin.close()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def tell(self, order: dict[str, Any]) -> None:
        """Hand an order over; a server that has gone took its children along, and is heard to have gone."""
        assert self._server.stdin is not None
        with self._said:
            try:
                self._server.stdin.write(json.dumps(order).encode() + b"\n")
                self._server.stdin.flush()
            except (BrokenPipeError, ValueError):
                self._gone(self._server.pid)

    def wait_for(self, forked: "_Forked", what: str, timeout: float | None) -> int:
        """The number that the server says of a process: its `pid`, or the `code` that it ended with."""
        with self._said:
            if not self._said.wait_for(lambda: getattr(forked, what) is not None, timeout):
                raise subprocess.TimeoutExpired("a forked program", timeout or 0.0)
        return int(getattr(forked, what))

    def _hear(self, server: "subprocess.Popen[bytes]") -> None:
        assert server.stdout is not None
        for line in server.stdout:
            said = json.loads(line)
            with self._said:
                if "gone" in said:
                    self._started[said["gone"]].code = said["code"]
                else:
                    self._started[said["started"]].known_pid = said["pid"]
                self._said.notify_all()
        server.wait()  # a start from here on opens another one
        with self._said:
            self._gone(server.pid)

    def _gone(self, server: int) -> None:
        """All that it forked, and what it was told to fork and did not, is gone with it."""
        for forked in self._started:
            if forked.server == server:
                forked.known_pid = forked.known_pid or 0
                forked.code = -signal.SIGKILL if forked.code is None else forked.code
        self._said.notify_all()


def launcher_for(names: Iterable[str] = tuple(SERVICES), warm: Sequence[str] = (), log: Path | None = None) -> Launcher:
    """Processes are forked where that is sound (other systems' libraries do not bear it). The imports begin at once."""
    return Forking(imports_of(names, warm), log) if sys.platform == "linux" else Spawning()


class _Forked:
    """A process that the server forked, or is about to."""

    def __init__(self, launcher: Forking, server: int, number: int) -> None:
        self._launcher, self.server, self.number = launcher, server, number
        self.known_pid: int | None = None
        self.code: int | None = None

    @property
    def pid(self) -> int:
        return self._launcher.wait_for(self, "known_pid", _START_SECONDS)

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        return self._launcher.wait_for(self, "code", timeout)

    def terminate(self) -> None:
        self._launcher.tell({"signal": self.number, "with": signal.SIGTERM})

    def kill(self) -> None:
        self._launcher.tell({"signal": self.number, "with": signal.SIGKILL})
