"""river's detectors by name. Parameters go to river as they are; `memory_rows` and `seed` aside."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np  # noqa: F401 - the examples use it
from river import drift
from river.drift import binary

from drift_detection.core.detectors.protocol import LossReference
from drift_detection.core.detectors.river_adapter import MEMORY, RiverDetector

NONE = LossReference()
_ADWIN: Callable[..., Any] = drift.ADWIN
_HDDMA: Callable[..., Any] = binary.HDDMA
_HDDMW: Callable[..., Any] = binary.HDDMW


def adwin(reference: LossReference = NONE, *, delta: float = 0.002, memory_rows: float = MEMORY) -> RiverDetector:
    """ADWIN (Bifet, Gavaldà 2007), alarming only where the recent mean is the higher.

    >>> adwin().update_many(np.r_[np.zeros(500), np.ones(500)])
    511
    """
    return RiverDetector(partial(_ADWIN, delta=delta), reference, memory_rows=memory_rows)


def page_hinkley(
    reference: LossReference = NONE,
    *,
    delta: float = 0.005,
    threshold: float = 50.0,
    alpha: float = 0.9999,
    minimum_rows: float = 30,
    memory_rows: float = MEMORY,
) -> RiverDetector:
    """Page-Hinkley (Page 1954), for a rise."""

    def make() -> drift.PageHinkley:
        return drift.PageHinkley(
            min_instances=int(minimum_rows), delta=delta, threshold=threshold, alpha=alpha, mode="up"
        )

    return RiverDetector(make, reference, memory_rows=memory_rows)


def ddm(reference: LossReference = NONE, *, threshold: float = 3.0, memory_rows: float = MEMORY) -> RiverDetector:
    """DDM (Gama and others 2004), for 0/1 errors."""
    return RiverDetector(lambda: binary.DDM(drift_threshold=threshold), reference, memory_rows=memory_rows)


def eddm(reference: LossReference = NONE, *, beta: float = 0.9, memory_rows: float = MEMORY) -> RiverDetector:
    """EDDM (Baena-García and others 2006), for 0/1 errors."""
    return RiverDetector(lambda: binary.EDDM(beta=beta), reference, memory_rows=memory_rows)


def hddm_a(reference: LossReference = NONE, *, confidence: float = 0.001, memory_rows: float = MEMORY) -> RiverDetector:
    """HDDM-A (Frías-Blanco and others 2015), by averages."""
    return RiverDetector(partial(_HDDMA, drift_confidence=confidence), reference, memory_rows=memory_rows)


def hddm_w(
    reference: LossReference = NONE,
    *,
    confidence: float = 0.001,
    weight: float = 0.05,
    memory_rows: float = MEMORY,
) -> RiverDetector:
    """HDDM-W (Frías-Blanco and others 2015), by weighted averages."""
    make = partial(_HDDMW, drift_confidence=confidence, lambda_val=weight)
    return RiverDetector(make, reference, memory_rows=memory_rows)


def kswin(
    reference: LossReference = NONE,
    *,
    alpha: float = 0.005,
    window_rows: float = 100,
    newest_rows: float = 30,
    seed: float = 0,
    memory_rows: float = 2_000,
) -> RiverDetector:
    """KSWIN (Raab and others 2020); its samples are drawn with `seed`."""

    def make() -> drift.KSWIN:
        return drift.KSWIN(alpha=alpha, window_size=int(window_rows), stat_size=int(newest_rows), seed=int(seed))

    return RiverDetector(make, reference, memory_rows=memory_rows)
