"""Products of matrices on one thread.

Why: an encoder multiplies many small matrices. With more threads, OpenBLAS waits for them by spinning between two
products: on two busy cores a text took eight times the CPU time and as much more time by the clock. A server that
wants more cores predicts in several threads or processes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class OneThread:
    """Limits BLAS while anybody is within; what was set before comes back when the last one leaves.

    The number of threads is one for the whole process, so those who come while somebody is within only count.
    Without `threadpoolctl` nothing is limited.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._limit: Any = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """One thread for the length of the block; from any thread, and within itself."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            self._within += 1
            if self._within == 1:
                self._limit = _limited()

    def _leave(self) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0 and self._limit is not None:
                _free()
                self._limit.restore_original_limits()
                _free()
                self._limit = None


_pools: list[Any] = []
"""The libraries of this process; looking for them takes milliseconds."""


def _limited() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    if not _pools:
        _pools.append(ThreadpoolController())
    return _pools[0].limit(limits=1, user_api="blas")


def _free() -> None:
    """Let any thread change the limit: newer versions of threadpoolctl hear only the thread that did so first."""
    from threadpoolctl import OpenBLASController

    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


one_thread = OneThread()
"""That of this process."""
