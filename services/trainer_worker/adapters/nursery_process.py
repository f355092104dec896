"""How a nursery comes to be: started anew, or forked from a process that has most of its imports done already.

A process can be forked if it has what the nursery promises its children: one thread, and hashes that are the same in
each process, so that a learner always goes through a set in the same order. `driftloop up` and `driftloop replay` start
the trainer that way; it saves a second of CPU and, since they are shared, sixty megabytes.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn, Protocol

from trainer_worker.adapters import nursery

_MOST_DESCRIPTORS = 4096
_PR_SET_NAME = 15


class NurseryProcess(Protocol):
    """A process that was started; as of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises `subprocess.TimeoutExpired`."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


def start_nursery(master: socket.socket) -> NurseryProcess:
    """A nursery that listens at `master`, which the caller closes then.

    Raises OSError where this machine has no room for one more process.
    """
    return _fork(master) if can_fork() else _spawn(master)


def can_fork() -> bool:
    """Whether a fork of this process, as it is now, is fit to be a nursery."""
    if sys.platform != "linux" or sys.flags.hash_randomization:
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _spawn(master: socket.socket) -> NurseryProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "trainer_worker.adapters.nursery", str(master.fileno())]
    return subprocess.Popen(command, pass_fds=[master.fileno()], env=environment, stdin=subprocess.DEVNULL)


def _fork(master: socket.socket) -> NurseryProcess:
    pid = os.fork()
    if not pid:
        _become(master.fileno())
    return _Forked(pid)


def _become(descriptor: int) -> NoReturn:
    """Be the nursery, with the output and nothing else of the process that we come from, and end with it."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"nursery")  # what `top` shows
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, _MOST_DESCRIPTORS)
        nursery.main(descriptor)
        code = 0
    except BaseException:  # noqa: BLE001  (whatever it is, it ends this process and is said where its output goes)
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


class _Forked:
    """A child of ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            ended = os.pidfd_open(self.pid)
            try:
                if not select.select([ended], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("the fork server", timeout or 0.0)
            finally:
                os.close(ended)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def kill(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
