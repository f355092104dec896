"""Keeps a child process exactly as long as the parent that asked for it.

Why a process of its own: `prctl(PR_SET_PDEATHSIG)` fires when the *thread* that forked ends, so a
broker started from a worker thread would die too early, and other systems have no such call. This
guard waits on a pipe that only its parent holds open: it ends however the parent ends, kill -9
included. The guard is the child's forking thread, so the death signal is safe to use here.

    python guard.py PARENT_PID GRACE_SECONDS FOLDER_TO_REMOVE|- COMMAND...
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: "subprocess.Popen[bytes]", grace: float) -> None:
    """SIGTERM, then SIGKILL once the grace is over."""
    if grace > 0:
        child.terminate()
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            sys.stderr.write("the child did not stop in time and is killed\n")
    child.kill()
    child.wait()


def main(parent: int, grace: float, folder: str, command: list[str]) -> int:
    """Run `command` until it ends or the parent does; the child's exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard)  # noqa: PLW1509
    left_alone = True
    try:
        while child.poll() is None and os.getppid() == parent:
            readable, _, _ = select.select([sys.stdin], [], [], 0.5)
            if readable and not os.read(sys.stdin.fileno(), 1):
                break
        left_alone = child.poll() is None
    finally:
        _end(child, grace)
        if folder != "-" and left_alone:  # a child that ended by itself leaves its last words to the parent
            shutil.rmtree(folder, ignore_errors=True)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode  # as a shell says it


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:]))
