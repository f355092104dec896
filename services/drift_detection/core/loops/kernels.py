"""Which loops there are: the compiled ones from the first large frame on, where numba is installed.

Why not from the start: to load numba takes half a second and 60 MB, which a fleet of small frames is not worth.
"""

from functools import cache
from types import ModuleType

ROWS = 1_000
"""Rows of a frame that is worth it."""


def kernel_for(rows: int) -> ModuleType | None:
    """`drift_detection.core.loops.frame_kernel` for a frame of so many rows, if it is large; None without numba."""
    return _kernel() if rows >= ROWS else None


def loaded() -> ModuleType | None:
    """The same if a large frame has been met; results do not depend on it."""
    return _kernel() if _kernel.cache_info().currsize else None


@cache
def _kernel() -> ModuleType | None:
    try:
        from drift_detection.core.loops import frame_kernel
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return None
    return frame_kernel
