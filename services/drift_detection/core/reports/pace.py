"""How often a segment's status is published: at most once in a second, and at once where something changes.

Why: only people read the statuses of segments, and a wide model with twenty of them spends a third of its time on
statuses where frames are small. What waits is made when it is published, of the model as it stands: so it must be
made before the model takes in a frame without rows of that segment, and is held from then on. It is, byte for byte,
the status that the segment's newest frame would have had at once. Nothing of this is state: what waits is
published before detection stops or a partition moves; where detection is killed it is not, and the segment's next
frame has a status.
"""

import heapq
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from drift_detection.core.model import WatchedModel
from drift_detection.core.reports.status import active_signals, status_record
from drift_detection.core.rows import FrameRows
from drift_detection.core.windows.monitor import say_of_newest
from driftloop.contracts.message import FramePosition
from driftloop.processor import Outgoing

STATUS_SECONDS = 1.0
"""Between two statuses of a segment of which nothing changed."""
Place = tuple[int, str]
"""A partition and a model in it."""
_Stand = tuple[tuple[str, ...], str | None, int]
"""What of a segment is told at once: its alarms, the version that is judged, the spec's version."""


@dataclass(slots=True)
class _Model:
    model: WatchedModel
    position: FramePosition
    """Of its newest frame."""
    begun: datetime
    """When statuses of its segments were last published together."""
    due: datetime | None = None
    """When its statuses are; None where none waits."""
    waiting: set[str] = field(default_factory=set)
    held: dict[str, Outgoing] = field(default_factory=dict)
    """Those that were made before a frame without rows of their segments came."""
    told: dict[str, _Stand] = field(default_factory=dict)


class SegmentStatuses:
    """The statuses of all segments in hand; `seconds` of 0: each with each of its frames."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._every = timedelta(seconds=seconds)
        self._models: dict[Place, _Model] = {}
        self._due: list[tuple[datetime, Place]] = []

    def overtake(self, place: Place, rows: FrameRows, spec_version: int) -> None:
        """A frame is next: make the statuses that cannot be made once it was taken in."""
        known = self._models.get(place)
        if known is None or not known.waiting:
            return
        stay = _with_rows(rows) if spec_version <= known.model.spec_version else set()
        left = sorted(known.waiting - stay)
        known.waiting &= stay
        known.held |= zip(left, _made(known.model, left, known.position), strict=True)

    def of_frame(
        self,
        model: WatchedModel,
        position: FramePosition,
        segments: Collection[str],
        raised: Collection[str],
        now: datetime,
    ) -> list[Outgoing]:
        """A frame with rows of `segments` was taken in, and signals about those in `raised` were found."""
        if not self._every:
            return _made(model, segments, position)
        place = position.partition, model.spec.model_id
        known = self._models.get(place)
        if known is None or known.model is not model:
            known = self._models[place] = _Model(model, position, now)
        known.position = position
        known.held = {one: status for one, status in known.held.items() if one not in segments}
        if self._is_over(known, now):
            return self._next_second(known, segments, now)
        wanted = {one for one in segments if one in raised or _stand(model, one) != known.told.get(one)}
        known.waiting = (known.waiting & model.monitors.keys()).union(segments) - wanted
        self._ask(known, place)
        return self._told(known, wanted)

    def due(self, now: datetime) -> list[Outgoing]:
        """The statuses that have waited for long enough, or for a moment that a clock put back has moved away."""
        found: list[Outgoing] = []
        while (at := self.wake_at) is not None and not at - self._every <= now < at:
            known = self._models[heapq.heappop(self._due)[1]]
            found += self._next_second(known, known.waiting & known.model.monitors.keys(), now)
        return found

    @property
    def wake_at(self) -> datetime | None:
        """When the next of them will have; None where none waits."""
        while self._due:
            at, place = self._due[0]
            known = self._models.get(place)
            if known is not None and known.due == at:
                return at
            heapq.heappop(self._due)  # its model is gone, or has told them since
        return None

    def say_held(self, partition: int) -> list[Outgoing]:
        """All statuses that wait of the models of a partition; none of them waits any longer."""
        found: list[Outgoing] = []
        for (number, _), known in self._models.items():
            if number == partition and known.due is not None:
                found += self._next_second(known, known.waiting & known.model.monitors.keys(), known.begun)
        return found

    def forget(self, partition: int | None = None, model_id: str | None = None) -> None:
        """The models of a partition, or one model, are watched here no longer."""
        gone = [place for place in self._models if partition == place[0] or model_id == place[1]]
        for place in gone:
            del self._models[place]

    def _is_over(self, known: _Model, now: datetime) -> bool:
        """Whether the second is; a clock that was put back does not hold statuses up."""
        return not known.begun <= now < known.begun + self._every

    def _ask(self, known: _Model, place: Place) -> None:
        if (known.waiting or known.held) and known.due is None:
            known.due = known.begun + self._every
            heapq.heappush(self._due, (known.due, place))

    def _next_second(self, known: _Model, segments: Collection[str], now: datetime) -> list[Outgoing]:
        """All that waits, of these segments as they stand."""
        held = [*known.held.values()]
        known.begun, known.due, known.waiting, known.held = now, None, set(), {}
        return held + self._told(known, segments)

    @staticmethod
    def _told(known: _Model, segments: Collection[str]) -> list[Outgoing]:
        model = known.model
        known.told |= {segment: _stand(model, segment) for segment in segments}
        if len(known.told) > len(model.monitors):
            known.told = {segment: stand for segment, stand in known.told.items() if segment in model.monitors}
        return _made(model, segments, known.position)


def _stand(model: WatchedModel, segment: str) -> _Stand:
    return tuple(active_signals(model, segment)), model.roster.judged.current, model.spec_version


def _with_rows(rows: FrameRows) -> set[str]:
    """The segments of which a frame has rows that are a prediction's first sight: it will have their statuses."""
    found: set[str] = set()
    for name, codes, values in rows.segments():
        counts = np.bincount(codes[rows.seen] + 1, minlength=len(values) + 1)[1:]
        found.update(f"{name}={values[code]}" for code in np.flatnonzero(counts).tolist())
    return found


def _made(model: WatchedModel, segments: Collection[str], position: FramePosition) -> list[Outgoing]:
    """Their statuses, in the order of their names."""
    wanted = sorted(segments)
    say_of_newest(windows for one in wanted if (windows := model.monitors[one].windows) is not None)
    return [status_record(model, one, position) for one in wanted]
