"""What a detector promises, and what it may be told about the losses it will see.

Detectors are found by entry point, group `driftloop.detectors`. A new one has the members of `Detector`; those that
`DetectorDefaults` gives it may leave out. `driftloop.testing.conformance.DETECTOR_CHECKS` are the promises as tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import LossProfile
from driftloop.plugins import installed, load

Floats = NDArray[np.float64]
State = dict[str, Any]
"""What JSON can hold: numbers, text, lists, dicts."""


@dataclass(frozen=True, slots=True)
class LossReference:
    """What is known about the losses of a version before it serves.

    `rows` may be 0: then a detector learns its reference from the first rows it sees. `bound` is
    where losses are clipped by tests that need bounded ones; `tolerance` is the rise of the mean
    that the owner does not mind.
    """

    rows: int = 0
    mean: float = 0.0
    variance: float = 0.0
    bound: float = 1.0
    lag_correlation: float = 0.0
    tolerance: float = 0.0

    @classmethod
    def of(cls, profile: LossProfile | None, *, bound: float = 1.0, tolerance: float = 0.0) -> "LossReference":
        """The reference in a profile; if there is none, no rows and `bound`."""
        if profile is None:
            return cls(bound=bound, tolerance=tolerance)
        return cls(profile.rows, profile.mean, profile.variance, profile.bound, profile.lag_correlation, tolerance)


class DetectorDefaults:
    """What a detector need not say. Inherit from it, or leave the members out: both mean the same.

    By default a detector does not latch, takes no part in the budget of false alarms, judges from the first
    row on and keeps no reference but the one it uses.
    """

    @property
    def latched(self) -> bool | None:
        """Whether an alarm stands. None: the detector does not latch, so the error monitor does it.

        The monitor then gives no second alarm before the mean of the last 50 losses has come half way back.
        """
        return None

    @property
    def is_learning(self) -> bool:
        """Whether losses are not judged yet, because the reference has too few rows."""
        return False

    @property
    def first_level(self) -> tuple[float, int] | None:
        """Mean loss and rows of the reference that the version began with; None: `reference_level` is it."""
        return None

    def declare(self, false_alarm_rate: float) -> None:
        """Accept this many false alarms per row from here on; the evidence so far stays.

        Told at the start and whenever the model's traffic changes, unless the spec sets `false_alarm_rate` itself.
        A detector without such a parameter does nothing: then no budget holds for it.
        """


class Detector(Protocol):
    """Sees losses in order and alarms when they have risen.

    Deterministic: the same losses give the same alarms however they are batched. Bounded: neither
    memory nor a snapshot grows with the rows seen. A value that is NaN or infinite is refused with
    ValueError before anything changes.
    """

    @property
    def average_run_length(self) -> float | None:
        """Rows from one false alarm to the next that the theory promises; None if it gives none."""
        ...

    @property
    def statistic(self) -> float:
        """The evidence now, or at the alarm that has just been raised."""
        ...

    @property
    def threshold(self) -> float:
        """The evidence at which an alarm is raised."""
        ...

    @property
    def onset_rows_ago(self) -> int:
        """Rows since the rise began, by the detector's estimate, counted back from the last row seen."""
        ...

    @property
    def reference_level(self) -> tuple[float, int]:
        """Mean loss and rows of what the losses are compared with."""
        ...

    @property
    def latched(self) -> bool | None:
        """See `DetectorDefaults.latched`."""
        ...

    @property
    def is_learning(self) -> bool:
        """See `DetectorDefaults.is_learning`."""
        ...

    @property
    def first_level(self) -> tuple[float, int] | None:
        """See `DetectorDefaults.first_level`."""
        ...

    def declare(self, false_alarm_rate: float) -> None:
        """See `DetectorDefaults.declare`."""
        ...

    def update(self, value: float) -> bool:
        """Take in one loss; true at the row where the alarm goes off."""
        ...

    def update_many(self, values: Floats) -> int | None:
        """Take in losses up to and including the first alarm, and give its index.

        None if there is no alarm; then all of `values` are taken in.
        """
        ...

    def snapshot(self) -> State:
        """The whole state, for JSON; `restore` of it on a new detector of the same making gives the same future."""
        ...

    def restore(self, state: State) -> None:
        """Take up where `snapshot` left off."""
        ...


DetectorFactory = Callable[..., Detector]
"""`factory(reference: LossReference, **parameters: float) -> Detector`. Unknown parameters raise TypeError."""

GROUP = "driftloop.detectors"


def detectors() -> Mapping[str, DetectorFactory]:
    """Every detector that is installed, by name."""
    return {name: load(GROUP, name) for name in installed(GROUP)}


def make_detector(name: str, reference: LossReference, parameters: Mapping[str, float]) -> Detector:
    """The detector called `name`; raises ValueError if there is none, or a parameter does not fit."""
    factory: DetectorFactory = load(GROUP, name)
    try:
        return completed(factory(reference, **parameters))
    except TypeError as error:
        raise ValueError(f"detector {name!r} does not take these parameters: {error}") from error


_OPTIONAL = tuple(name for name in vars(DetectorDefaults) if not name.startswith("_"))


def completed(detector: Any) -> Detector:
    """The detector, with the defaults for the members that it leaves out.

    >>> class Never:
    ...     statistic = threshold = 0.0
    >>> completed(Never()).latched, completed(Never()).threshold
    (None, 0.0)
    """
    if all(hasattr(type(detector), name) for name in _OPTIONAL):
        return cast("Detector", detector)
    return cast("Detector", _WithDefaults(detector))


class _WithDefaults:
    """A detector that leaves members out, and the defaults in their place."""

    def __init__(self, detector: Any) -> None:
        self._detector, self._defaults = detector, DetectorDefaults()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector if hasattr(self._detector, name) else self._defaults, name)
