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

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    delta
        river's: the smaller, the fewer alarms.
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.

    Examples
    --------
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
    """Page-Hinkley (Page 1954), for a rise.

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    delta
        river's: rises smaller than this are not minded.
    threshold
        river's: the sum at which an alarm is raised.
    alpha
        river's: how much of the past counts, 1 for all of it.
    minimum_rows
        Losses before anything is judged (river's `min_instances`).
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.
    """

    def make() -> drift.PageHinkley:
        return drift.PageHinkley(
            min_instances=int(minimum_rows), delta=delta, threshold=threshold, alpha=alpha, mode="up"
        )

    return RiverDetector(make, reference, memory_rows=memory_rows)


def ddm(reference: LossReference = NONE, *, threshold: float = 3.0, memory_rows: float = MEMORY) -> RiverDetector:
    """DDM (Gama and others 2004), for 0/1 errors.

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    threshold
        Standard deviations above the lowest error rate so far (river's `drift_threshold`).
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.
    """
    return RiverDetector(lambda: binary.DDM(drift_threshold=threshold), reference, memory_rows=memory_rows)


def eddm(reference: LossReference = NONE, *, beta: float = 0.9, memory_rows: float = MEMORY) -> RiverDetector:
    """EDDM (Baena-García and others 2006), for 0/1 errors.

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    beta
        river's: the share of the longest distance between errors at which an alarm is raised.
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.
    """
    return RiverDetector(lambda: binary.EDDM(beta=beta), reference, memory_rows=memory_rows)


def hddm_a(reference: LossReference = NONE, *, confidence: float = 0.001, memory_rows: float = MEMORY) -> RiverDetector:
    """HDDM-A (Frías-Blanco and others 2015), by averages.

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    confidence
        river's `drift_confidence`: the smaller, the fewer alarms.
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.
    """
    return RiverDetector(partial(_HDDMA, drift_confidence=confidence), reference, memory_rows=memory_rows)


def hddm_w(
    reference: LossReference = NONE,
    *,
    confidence: float = 0.001,
    weight: float = 0.05,
    memory_rows: float = MEMORY,
) -> RiverDetector:
    """HDDM-W (Frías-Blanco and others 2015), by weighted averages.

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    confidence
        river's `drift_confidence`: the smaller, the fewer alarms.
    weight
        river's `lambda_val`: how much the newest loss counts.
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.
    """
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
    """KSWIN (Raab and others 2020); its samples are drawn with `seed`, so that a step in 0/1 losses may be missed.

    Parameters
    ----------
    reference
        Its `bound` is where losses are clipped; its mean is told until the first loss has come.
    alpha
        river's: the level of the test of two samples.
    window_rows
        Losses that are compared (river's `window_size`).
    newest_rows
        Of these, the newest that are held against the others (river's `stat_size`).
    seed
        Of the sample that is drawn from the older losses.
    memory_rows
        Losses that are kept, at least 100: a restored detector takes them in again.
    """

    def make() -> drift.KSWIN:
        return drift.KSWIN(alpha=alpha, window_size=int(window_rows), stat_size=int(newest_rows), seed=int(seed))

    return RiverDetector(make, reference, memory_rows=memory_rows)
