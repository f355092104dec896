"""The error monitor: a detector on the losses of one model and segment, and what it says when it alarms."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.detectors.for_forecasts import blocked
from drift_detection.core.detectors.protocol import Detector, LossReference, make_detector
from drift_detection.core.kept.narrow import narrow_floats, wide_floats
from drift_detection.core.losses.loss_trail import LossTrail
from drift_detection.core.monitors.alarm_stats import AlarmStats, Confirmation
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.profiles import loss_profile

Floats = NDArray[np.float64]

FALSE_ALARM_RATE = "false_alarm_rate"
"""The parameter by which a spec says itself how many false alarms are accepted; else the budget says it."""
RECENT = 200
"""Losses kept to say what the loss is now."""
MOST_FRESH = 100
"""Losses that wait to be put to them."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """The losses rose: at which of the rows taken in, since how many rows, by how much.

    `current` is the mean loss of exactly the last `onset_rows_ago` rows up to the alarm.
    """

    index: int
    onset_rows_ago: int
    statistic: float
    threshold: float
    reference: float
    reference_rows: int
    current: float


@dataclass(frozen=True, slots=True)
class Excused:
    """An alarm that is not raised: from its row on, losses are held against `profile` (None: the rows after it)."""

    profile: LossProfile | None


Excuse = Callable[[Alarm], Excused | None]
"""Asked about every alarm before it is raised."""


def losses_are_binary(spec: ModelSpec) -> bool:
    """Whether every row's loss is 0 or 1: one target, of categories or with a tolerance."""
    fields = list(spec.target.values())
    return len(fields) == 1 and (fields[0].kind == "category" or fields[0].tolerance is not None)


def default_detector(spec: ModelSpec) -> str:
    """The detector that fits a spec's losses: the mixture CUSUM for 0/1 losses, the e-detector else."""
    return "mixture-cusum" if losses_are_binary(spec) else "betting-cusum"


class ErrorMonitor:
    """Watches the losses of one version in one segment.

    Where no profile gives a reference, the first rows are it. A detector that does not latch by
    itself is latched here: the same drift gives no second alarm before the loss has come half way back.
    """

    def __init__(
        self, spec: ModelSpec, profile: LossProfile | None, rate: float, ledger: AlarmStats | None = None
    ) -> None:
        self._ledger = ledger or AlarmStats()
        self._confirmation = Confirmation()
        self.name = spec.detection.error_detector or default_detector(spec)
        self._spec = spec
        self._rate = rate
        self._detector: Detector | None = None
        if profile is not None or losses_are_binary(spec):
            self._detector = self._made(profile)
        self.excused: Excused | None = None
        """What the losses are compared with since an alarm was excused."""
        self._bound: float | None = None
        self._latch: float | None = None
        self.rows = 0
        self._held: NDArray[Any] = np.zeros(0)
        self._fresh: list[Floats] = []
        """Losses newer than those: to put a few to them costs as much as to put a hundred."""
        self._count = 0
        """How many losses both are, `RECENT` at most."""
        self.trail = LossTrail()
        """What the losses were, to say of an alarm since which row and by how much they rose."""
        self._revised: dict[int, float] = {}
        """By place among the rows, what corrections have changed in the recent losses."""

    def _made(self, profile: LossProfile | None) -> Detector:
        reference = LossReference.of(profile, tolerance=self._spec.detection.tolerance)
        parameters = self._spec.detection.error_parameters
        if self._spec.forecast is not None and self.name == "betting-cusum":
            detector: Detector = blocked(self._spec.forecast, profile, reference, parameters)
        else:
            detector = make_detector(self.name, reference, parameters)
        if FALSE_ALARM_RATE not in parameters:
            detector.declare(self._rate)
        return detector

    def push(self, losses: Floats, excuse: Excuse | None = None) -> list[Alarm]:
        """Take in losses; gives the alarms among them that are not excused."""
        if self._detector is None:
            return self._find_bound(losses)
        alarms: list[Alarm] = []
        start = 0
        while start < len(losses):
            found = self._detector.update_many(losses[start:])
            stop = len(losses) if found is None else start + found + 1
            self._remember(losses[start:stop])
            self._ledger.unconfirmed += self._confirmation.push(losses[start:stop])
            if found is not None:
                alarms.extend(self._judge(self._alarm(stop - 1), excuse))
            start = stop
        return alarms

    def _find_bound(self, losses: Floats) -> list[Alarm]:
        """Without a profile nobody knows how large losses get: the first rows say it, and are the reference."""
        taken = losses[: RECENT - self._count]
        self._remember(taken)
        if self._count < RECENT:
            return []
        self._bound = bound = 4 * max(float(np.quantile(self._recent, 0.9)), 1e-9)
        self._detector = self._made(loss_profile(self._recent, bound))
        alarms = self.push(losses[len(taken) :])
        return [replace(alarm, index=alarm.index + len(taken)) for alarm in alarms]

    def _remember(self, losses: Floats) -> None:
        self._fresh.append(losses)
        self._count = min(self._count + len(losses), RECENT)
        if len(losses) >= MOST_FRESH or sum(map(len, self._fresh)) >= MOST_FRESH:
            self._put_together()
        self.trail.push(losses)
        self.rows += len(losses)
        if self._revised:
            oldest = self.rows - self._count
            self._revised = {place: change for place, change in self._revised.items() if place >= oldest}

    @property
    def _recent(self) -> Floats:
        """The newest 200 losses."""
        self._put_together()
        return wide_floats(self._held)

    def _put_together(self) -> None:
        if self._fresh:
            known, self._fresh = np.concatenate((self._held, *self._fresh), dtype=np.float64), []
            self._held = narrow_floats(known[-RECENT:])

    def _judge(self, alarm: Alarm, excuse: Excuse | None) -> list[Alarm]:
        excused = excuse(alarm) if excuse is not None else None
        if excused is not None:
            self.excused, self._detector = excused, self._made(excused.profile)
            return []
        if self._detector is not None and self._detector.latched is not None:
            return [self._said(alarm)]
        stands = self._latch is not None and float(self._recent[-50:].mean()) > self._latch
        self._latch = self._latch if stands else (alarm.reference + alarm.current) / 2
        return [] if stands else [self._said(alarm)]

    def _said(self, alarm: Alarm) -> Alarm:
        self._ledger.raised += 1
        self._confirmation.begin(alarm.reference, alarm.current)
        return alarm

    def declare(self, rate: float) -> None:
        """Accept this many false alarms per row from here on (unless the spec sets the rate itself)."""
        self._rate = rate
        if self._detector is not None and FALSE_ALARM_RATE not in self._spec.detection.error_parameters:
            self._detector.declare(rate)

    @property
    def is_learning(self) -> bool:
        """Whether losses are not judged yet, because too few are known to compare with."""
        return self._detector is None or self._detector.is_learning

    @property
    def alarmed(self) -> bool:
        """Whether an alarm stands."""
        own = None if self._detector is None else self._detector.latched
        if own is not None:
            return own
        return self._latch is not None and float(self._recent[-50:].mean()) > self._latch

    @property
    def statistic(self) -> tuple[float, float]:
        """The evidence now and the threshold; zeros while the bound of the losses is being found."""
        return (self._detector.statistic, self._detector.threshold) if self._detector else (0.0, 0.0)

    @property
    def reference(self) -> tuple[float, int]:
        """Mean loss and rows of what the version began with; a level that it rose to since is no reference."""
        if self._detector is None:
            return 0.0, 0
        return self._detector.first_level or self._detector.reference_level

    def _alarm(self, index: int) -> Alarm:
        assert self._detector is not None
        mean, rows = self._detector.reference_level
        since, current = self.trail.since(self._detector.onset_rows_ago)
        return Alarm(index, since, *self.statistic, mean, rows, current)

    def revise(self, places: NDArray[np.int64], changes: Floats) -> None:
        """Labels of rows were corrected: by their places among the version's rows, how much larger their losses are.

        It is the recent loss that is revised. The detector has looked at the losses as they were, and an alarm
        that it raised stands until it releases it.
        """
        for place, change in zip(places.tolist(), changes.tolist(), strict=True):
            if place >= self.rows - self._count:
                self._revised[place] = self._revised.get(place, 0.0) + change

    @property
    def recent_loss(self) -> float | None:
        """Mean of the last 200 losses, by the labels as they stand; None before the first."""
        if not self._count:
            return None
        mean = float(self._recent.mean())
        if not self._revised:
            return mean
        oldest = self.rows - self._count
        changed = sum(self._revised[place] for place in sorted(self._revised) if place >= oldest)
        return mean + changed / self._count

    def snapshot(self) -> dict[str, Any]:
        """The detector's state and the recent losses."""
        return {
            "rows": self.rows,
            "latch": self._latch,
            "recent": self._recent.tolist(),
            "bound": self._bound,
            "trail": self.trail.snapshot(),
            "excused": None if self.excused is None else [self._excused_by()],
            "revised": [*self._revised.items()],
            "confirmation": self._confirmation.snapshot(),
            "detector": self._detector.snapshot() if self._detector else None,
        }

    def _excused_by(self) -> Any:
        profile = self.excused.profile if self.excused is not None else None
        return None if profile is None else profile.model_dump()

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        if state["excused"] is not None:
            (kept,) = state["excused"]
            self.excused = Excused(None if kept is None else LossProfile.model_validate(kept))
            self._detector = self._made(self.excused.profile)
        self.rows, self._latch = state["rows"], state["latch"]
        self._confirmation.restore(state["confirmation"])
        self._held, self._fresh = narrow_floats(np.array(state["recent"], dtype=np.float64)), []
        self._count = len(self._held)
        self._revised = dict(state["revised"])
        if state["trail"] is not None:
            self.trail.restore(state["trail"])
        if state["bound"] is not None:
            self._bound = state["bound"]
            self._detector = self._made(LossProfile(rows=0, mean=0, variance=0, bound=state["bound"]))
        if state["detector"] is not None:
            assert self._detector is not None
            self._detector.restore(state["detector"])
