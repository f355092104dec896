"""A program with all the processes that it starts: watched, limited, and ended together."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from driftloop.telemetry.memory import memory_mb
from trainer_worker.adapters.command import guard
from trainer_worker.adapters.sandbox.kernel import as_command
from trainer_worker.adapters.sandbox.plan import NOTHING, Confinement, refused_words

LOOK_SECONDS = 0.05
_PRIVATE = ("DRIFTLOOP_",)
"""Settings of ours (passwords among them) are none of the program's business."""


_REFUSED = re.compile(r"[Pp]ermission denied|EACCES|Operation not permitted")
_PATH = re.compile(r"['\"`‘](/[^'\"`’]+)")


class CommandFailedError(ValueError):
    """A program that ended badly; the sentence says how."""


def run_command(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    *,
    memory_limit_mb: int,
    look: Callable[[], None],
    confined: Confinement = NOTHING,
) -> None:
    """Run `command` in `folder` to its end; `look` is called every 50 ms and once after it.

    What it says goes to `stdout.log` and `stderr.log` there. Its processes end with it, and with us. Raises
    `CommandFailedError` where it cannot be started, ends with another code than 0, or holds more resident memory
    than allowed (all its processes together). `confined` says what it is kept from.
    """
    if confined.rules.keep_from:
        command, variables = as_command(confined.rules, command), {**variables, "TMPDIR": str(_scratch(folder))}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    with (folder / "stdout.log").open("wb") as out, (folder / "stderr.log").open("wb") as err:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env={**environment, **variables}, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise CommandFailedError(f"the command {command[0]!r} cannot be started: {error.strerror}") from error
    watcher = _guard(process.pid)
    try:
        _watch(process, memory_limit_mb, look)
    finally:
        guard.kill_session(process.pid)
        process.wait()
        if watcher.stdin is not None:
            watcher.communicate(b"nothing is left\n")
    look()
    if process.returncode:
        raise CommandFailedError(_ended(process.returncode, folder, confined))


def _scratch(folder: Path) -> Path:
    """Where the program puts what it keeps for a while; it goes with its rows."""
    (folder / "tmp").mkdir(exist_ok=True)
    return folder / "tmp"


def _watch(process: subprocess.Popen[bytes], memory_limit_mb: int, look: Callable[[], None]) -> None:
    while True:
        # The leader stays unreaped until the end, so that its number cannot be given to another process.
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            return
        look()
        held = _held_mb(process.pid)
        if held > memory_limit_mb:
            raise CommandFailedError(f"the run needed more memory than its limit of {memory_limit_mb} MB")
        time.sleep(LOOK_SECONDS)


def _held_mb(session: int) -> float:
    held = 0.0
    for pid in guard.processes_of(session):
        try:
            held += memory_mb(pid)
        except OSError:
            continue  # it has ended
    return held


def _guard(session: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", guard.__file__, str(session)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _ended(code: int, folder: Path, confined: Confinement) -> str:
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    words = (folder / "stderr.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = f": {words[-1][:300]}" if words else ""
    refused = next((line for line in reversed(words) if _REFUSED.search(line)), None)
    if refused is None or not confined.rules.keep_from:
        return f"the command ended {how}{last}"
    path = _PATH.search(refused)
    return f"the command ended {how}{last}{refused_words(path.group(1) if path else None)}"
