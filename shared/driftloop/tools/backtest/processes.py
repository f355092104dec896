"""How the processes of a backtest are started: forked from one that has the imports of a fit done.

Why so: scikit-learn takes a second to import. The process that forks the others does that while the first reads its
file, the first never needs it, and no worker repeats it. Where processes cannot be forked each makes its own imports.
"""

import os
from multiprocessing import forkserver, get_all_start_methods, get_context
from multiprocessing.context import BaseContext

_FORKED = "forkserver"
_IMPORTS = ("driftloop.tools.backtest.crew", "driftloop.learners.random_forest", "sklearn.ensemble")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def begin_imports() -> None:
    """Have the imports of workers to come begin now, beside whatever this process does."""
    if _FORKED in get_all_start_methods():
        forkserver.set_forkserver_preload(list(_IMPORTS))
        forkserver.ensure_running()


def context() -> BaseContext:
    """How workers are started on this system."""
    return get_context(_FORKED if _FORKED in get_all_start_methods() else "spawn")
