"""Starts replicas in milliseconds: a process that has their imports done and forks one whenever it is asked to.

    python -m tests.chaos.zygote MODULE

Why: importing a service takes seconds of processor time, and a run kills it a hundred times. What is
forked is the whole service, from its `__main__` on, with its own environment and log.

It reads lines of JSON: {"arguments", "environment", "log"}; it writes {"started": pid} for each and
{"gone": pid, "code"} when one has ended. It ends, and ends all of them, when its input does.
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import sys
import warnings
from typing import Any, NoReturn

from tests.chaos.faulty_writer import put_in_place

_LOOK_EVERY_S = 0.05


def serve(module: str) -> None:
    """Fork, bury, and tell."""
    children: set[int] = set()
    commands = b""
    while True:
        readable, _, _ = select.select([0], [], [], _LOOK_EVERY_S)
        if readable:
            received = os.read(0, 65_536)
            if not received:
                break
            *lines, commands = (commands + received).split(b"\n")
            for line in lines:
                children.add(pid := _fork(module, json.loads(line)))
                _tell({"started": pid})
        for pid, code in _ended(children):
            children.remove(pid)
            _tell({"gone": pid, "code": code})
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _ended(children: set[int]) -> list[tuple[int, int]]:
    found = [os.waitpid(pid, os.WNOHANG) for pid in children]
    return [(pid, os.waitstatus_to_exitcode(status)) for pid, status in found if pid]


def _fork(module: str, order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _become(module, order)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(module: str, order: dict[str, Any]) -> NoReturn:
    os.environ.clear()
    os.environ.update(order["environment"])
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    sys.argv = [module, *order["arguments"]]
    put_in_place(os.environ)
    warnings.simplefilter("ignore", RuntimeWarning)  # runpy on a module that is imported already
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    raise SystemExit(0)


def _tell(message: dict[str, int]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    chosen = sys.argv[1]
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(f"{chosen}.app")
    importlib.import_module(chosen)
    serve(chosen)
