"""Which loops there are: the compiled ones from the first large frame on, where numba is installed."""

from types import ModuleType

from driftloop.cores.on_demand import OnDemand

ROWS = 1_000
"""Rows of a frame that is worth it."""


def _load() -> ModuleType:
    from drift_detection.core.loops import frame_kernel

    return frame_kernel


FRAME = OnDemand(_load, ROWS)
"""`drift_detection.core.loops.frame_kernel`, by rows of a frame."""
