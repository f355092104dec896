"""A process that ends with the one that forked it, however that ends: kill -9 included."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process once the thread that forked it ends. Linux knows that; others do nothing.

    `parent` is who it was, if that is known: a process whose parent ended before this call ends here, on any system.
    Only a system call is made, so that it may run between fork and exec.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
