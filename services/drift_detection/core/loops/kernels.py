"""Which loops there are: the compiled ones from the first large frame on, where numba is installed.

Why not from the start: to load numba takes half a second and 60 MB, which a fleet of small frames is not worth.
"""

from types import ModuleType

ROWS = 1_000
"""Rows of a frame that is worth it."""


class _Loaded:
    """What has been loaded."""

    kernel: ModuleType | None = None
    tried = False


def loaded() -> ModuleType | None:
    """`drift_detection.core.loops.frame_kernel` if a large frame has been met; results are the same without it."""
    return _Loaded.kernel


def kernel_for(rows: int) -> ModuleType | None:
    """The same, loaded now for a frame of so many rows if it is large."""
    if rows < ROWS:
        return None
    if not _Loaded.tried:
        _Loaded.tried = True
        try:
            from drift_detection.core.loops import frame_kernel
        except ModuleNotFoundError as error:
            if error.name != "numba":
                raise
        else:
            _Loaded.kernel = frame_kernel
    return _Loaded.kernel
