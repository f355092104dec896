"""The fork server: a process that has the services' imports done, and forks a service whenever it is told to.

    python -m driftloop.tools.local.fork_server MODULE...

Why: each of the services imports for a second what the others import too, and keeps a hundred megabytes of it. Forked,
they start in milliseconds and share those pages until they write to them. It only imports and forks (no thread
but those of the allocator, which bears it; no data, no client of Kafka), so a fork of it is clean.

It reads lines of JSON: {"start": number, "command", "environment", "log"} and {"signal": number, "with"}; a process is
named by a number that is never given again. It writes {"started": number, "pid"} and, once that has ended,
{"gone": number, "code"}. When its input ends it kills what is left, and goes.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from driftloop.parent_death import die_with_parent

_PR_SET_NAME = 15
_LARGEST_READ = 1 << 20
_MOST_DESCRIPTORS = 4096
_NOT_HEEDED = (signal.SIGTERM, signal.SIGINT)
"""By the server: whoever stops all processes at once (a reboot) sends them to the services too, which end in order."""


class ForkServer:
    """Forks, signals and buries; `talk` is the descriptor that it writes to."""

    def __init__(self, listen: int, talk: int) -> None:
        self._listen, self._talk = listen, talk
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        """Until the input ends."""
        bell, received = _child_bell(), b""
        while True:
            readable, _, _ = select.select([self._listen, bell.fileno()], [], [])
            if bell.fileno() in readable:
                with contextlib.suppress(BlockingIOError):
                    bell.recv(4096)
                self._bury()
            if self._listen in readable:
                new = os.read(self._listen, _LARGEST_READ)
                if not new:
                    break
                *lines, received = (received + new).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
        signal.set_wakeup_fd(-1)  # nobody hears the bell any more: their end would be rung into a closed socket
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _obey(self, order: dict[str, Any]) -> None:
        if "signal" in order:
            for pid, number in self._children.items():
                if number == order["signal"]:
                    os.kill(pid, order["with"])
            return
        server = os.getpid()
        signal.pthread_sigmask(
            signal.SIG_BLOCK, _NOT_HEEDED
        )  # what is sent to the child at once waits until it can hear it
        pid = os.fork()
        if not pid:
            _become(order, server)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _NOT_HEEDED)
        self._children[pid] = order["start"]
        self._tell({"started": order["start"], "pid": pid})

    def _bury(self) -> None:
        for pid in tuple(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._tell({"gone": self._children.pop(pid), "code": os.waitstatus_to_exitcode(status)})

    def _tell(self, said: dict[str, int]) -> None:
        os.write(self._talk, json.dumps(said).encode() + b"\n")


def _become(order: dict[str, Any], server: int) -> NoReturn:
    """Be the process that is asked for, from its `__main__` on, and end with it."""
    code = 1
    try:
        _detach(order["log"], server)
        os.environ.clear()
        os.environ.update(order["environment"])
        module, *arguments = order["command"]
        sys.argv = [module, *arguments]
        warnings.simplefilter("ignore", RuntimeWarning)  # runpy on a module that is imported already
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if not isinstance(end.code, int | None):
            print(end.code, file=sys.stderr)  # noqa: T201  (as the interpreter does)
    except BaseException:  # noqa: BLE001  (whatever it is, it ends this process and goes into its log)
        sys.excepthook(*sys.exc_info())
    finally:
        _end(code)


def _end(code: int) -> NoReturn:
    """As the interpreter ends: threads that are no daemons, then what was registered, then the output.

    Why private functions: nothing public does this without a return through the server's own frames, which would
    go on to serve. `multiprocessing` ends its forks by the same two; they are in CPython 3.11 to 3.13. Whatever
    fails here, this process does not become a second server.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _detach(log: str, server: int) -> None:
    """A session, signals and files of its own; it is killed when the server is, however that ends."""
    os.setsid()
    die_with_parent(server)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, Path(log).stem.encode())  # what `top` shows
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    nothing, said = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor, place in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(descriptor, place)
    os.closerange(3, _MOST_DESCRIPTORS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _NOT_HEEDED)


def _child_bell() -> socket.socket:
    """Rings when a child ends; a stop is for the one who started us to say, by closing the input."""
    heard, rung = socket.socketpair()
    heard.settimeout(0)
    rung.settimeout(0)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _NOT_HEEDED:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(rung.detach())
    return heard


def main(modules: Sequence[str]) -> None:
    """Import `modules`, those that cannot be left to the services, which then say why; and serve."""
    talk = os.dup(1)
    os.dup2(2, 1)  # what an import prints is no answer
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  (the one who needs it fails alone, in its own log)
            print(f"{module} is not read in beforehand: {error!r}", file=sys.stderr)  # noqa: T201
    sys.stdout.flush()  # or each fork would say it once more
    gc.collect()
    gc.freeze()
    ForkServer(0, talk).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
