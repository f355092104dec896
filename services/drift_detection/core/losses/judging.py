"""From the losses of some rows to the harm in them: the row that raised it, and the row since which it is there."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.findings import Harm
from drift_detection.core.losses.labelled_rows import LabelledRows
from drift_detection.core.losses.loss_trail import MOST_NAMED, LossTrail
from drift_detection.core.losses.rules import RuleMonitor
from drift_detection.core.monitors.error_monitor import Alarm, ErrorMonitor, Excused
from drift_detection.core.row_index import Namer, Step, Steps

Which = NDArray[np.intp]
Named = list[tuple[LossTrail, NDArray[np.int64], Which]]
"""Trails, the places of their rows that may be asked for later, and which of the judged rows these are."""
Excuser = Callable[[Alarm, int], Excused | None]
"""Asked about an alarm, and at which of the judged rows it was raised."""


MOST_FRAMES = 2 * MOST_NAMED
"""Frames whose names trails may hold whole."""


class ScopedLosses:
    """The losses of one segment's rows (all rows if `which` is None), all from one version."""

    def __init__(self, judged: LabelledRows, which: Which | None, segment: str, version: str) -> None:
        self._judged, self._which = judged, which
        self._segment, self._version = segment, version
        self.losses = judged.losses if which is None else judged.losses[which]
        self.measures = judged.measures if which is None else judged.measures[:, which]

    def row(self, index: int) -> int:
        """Which of the judged rows one of these is."""
        return index if self._which is None else int(self._which[index])

    def judge(
        self,
        errors: ErrorMonitor,
        rules: Sequence[RuleMonitor] = (),
        excuse: Excuser | None = None,
        *,
        beside: bool = False,
        named: Named | None = None,
    ) -> list[Harm]:
        """Hand the losses to an error monitor and to rules; gives the harm in them.

        With `named`, the rows that may be asked for later are put there, for `FrameNames`; else they are named now.
        """
        trail = errors.trail
        before = trail.rows
        trail.begin(self._namer(before))
        asked = None if excuse is None else (lambda alarm: excuse(alarm, self.row(alarm.index)))
        found = [(errors.name, False, alarm) for alarm in errors.push(self.losses, asked)]
        found += [(rule.rule.name, True, alarm) for rule in rules for alarm in rule.push(self.losses)]
        harms = []
        for detector, by_rule, alarm in found:
            row = self.row(alarm.index)
            (raised,) = self._judged.steps(np.array([row], dtype=np.intp))
            onset = trail.at_or_before(before + alarm.index + 1 - alarm.onset_rows_ago) or raised
            lag = int(self._judged.lag[row])
            harms.append(
                Harm(
                    self._segment,
                    self._version,
                    alarm,
                    raised,
                    onset,
                    lag,
                    {},
                    detector,
                    by_rule=by_rule,
                    beside=beside,
                )
            )
        if named is None:
            trail.end()
        else:
            places = trail.fresh()
            rows = places - before
            named.append((trail, places, rows if self._which is None else self._which[rows]))
        return harms

    def _namer(self, first: int) -> Namer:
        judged, which = self._judged, self._which

        def names(places: Sequence[int]) -> Sequence[Step]:
            rows = np.asarray(places, dtype=np.intp) - first
            return judged.steps(rows if which is None else which[rows])

        return names


class FrameNames:
    """The names of the rows of the newest frames, which trails share until they copy their own.

    Why trails are told to: one of a segment that has no more rows would keep the names of all others of its last
    frames, and another quiet segment those of other frames. A trail with rows in each frame has copied by then.
    """

    def __init__(self) -> None:
        self._lately: deque[tuple[Steps, list[LossTrail]]] = deque()

    def name_all(self, judged: LabelledRows, named: Named) -> None:
        """Name the rows of all trails in one go: to look up a few ids costs as much as to look up hundreds."""
        if not named:
            return
        steps, first = Steps.of(judged.steps(np.concatenate([which for _, _, which in named]))), 0
        for trail, places, _ in named:
            trail.keep(places, steps, first)
            first += len(places)
        self._lately.append((steps, [trail for trail, places, _ in named if len(places)]))
        if len(self._lately) > MOST_FRAMES:
            oldest, trails = self._lately.popleft()
            for trail in trails:
                trail.let_go_of(oldest)
