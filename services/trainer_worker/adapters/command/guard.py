"""Ends every process of a session when whoever started it is gone, or says so.

    python guard.py SESSION < pipe

Why a process of its own: the trainer's child may be killed at any moment, and then nothing of it can clean up. The
guard sees the end of the pipe. A program that leaves its session (a daemon) is not seen by it.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path


def processes_of(session: int) -> list[int]:
    """The processes of a session that are alive (Linux; elsewhere none is found)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def kill_session(session: int) -> None:
    """Kill the process group of a session's leader, and then whatever of the session is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
    for _ in range(100):
        left = processes_of(session)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def main(session: int) -> None:
    """Wait for the end of the pipe; a line on it says that there is nothing to end."""
    if not sys.stdin.buffer.readline():
        kill_session(session)


if __name__ == "__main__":
    main(int(sys.argv[1]))
