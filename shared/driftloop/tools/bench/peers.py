"""Who is measured: every installed detector of ours, and river's as they come."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.detectors.protocol import Detector, LossReference, detectors
from drift_detection.core.detectors.river_adapter import RiverDetector

Floats = NDArray[np.float64]

DEFAULT = "mixture-cusum"
"""The detector of 0/1 errors that models are watched with unless their spec names another."""
PART = 50_000
SLOW = frozenset({"river KSWIN"})


Contestant = Callable[[Floats], list[int]]
"""Gives the rows of all its alarms on a stream."""


def contestants(bound: float = 1.0) -> Mapping[str, Contestant]:
    """Name → contestant, for losses in 0…`bound`: the default first, then the dummy, river's, and third parties'.

    river's detectors are called row by row on their own objects, two-sided as they are.
    """
    own = {name: make for name, make in detectors().items() if not _is_rivers(make)}
    ordered = dict(sorted(own.items(), key=lambda entry: (entry[0] != DEFAULT, entry[0])))
    mine: dict[str, Contestant] = {name: _ours(make, bound) for name, make in ordered.items()}
    return {**mine, **{name: rivers(make, bound) for name, make in RIVER.items()}}


def _is_rivers(make: Callable[..., Any]) -> bool:
    return make.__module__.startswith("drift_detection") and isinstance(make(), RiverDetector)


def _ours(make: Callable[..., Any], bound: float) -> Contestant:
    return lambda values: alarms_of(make(LossReference(bound=bound)), values)


def alarms_of(detector: Detector, values: Floats) -> list[int]:
    """Rows of all alarms of a detector on a stream, which it takes in in parts of 50,000 rows."""
    found: list[int] = []
    for begin in range(0, len(values), PART):
        part = values[begin : begin + PART]
        start = 0
        while start < len(part):
            alarm = detector.update_many(part[start:])
            if alarm is None:
                break
            start += alarm + 1
            found.append(begin + start - 1)
    return found


def rivers(make: Callable[[], Any], bound: float) -> Contestant:
    """A contestant of one of river's detectors, fed with losses over `bound`, row by row."""

    def run(values: Floats) -> list[int]:
        detector = make()
        update, found = detector.update, []
        for row, value in enumerate(np.clip(values / bound, 0, 1).tolist()):
            update(value)
            if detector.drift_detected:
                found.append(row)
        return found

    return run


def _river(module: str, name: str, **parameters: Any) -> Callable[[], Any]:
    def make() -> Any:
        from importlib import import_module

        return getattr(import_module(module), name)(**parameters)

    return make


RIVER: Mapping[str, Callable[[], Any]] = {
    "river ADWIN": _river("river.drift", "ADWIN", delta=0.002),
    "river PageHinkley": _river("river.drift", "PageHinkley"),
    "river DDM": _river("river.drift.binary", "DDM"),
    "river EDDM": _river("river.drift.binary", "EDDM"),
    "river HDDM-A": _river("river.drift.binary", "HDDMA"),
    "river HDDM-W": _river("river.drift.binary", "HDDMW"),
    "river KSWIN": _river("river.drift", "KSWIN", seed=42),
}
