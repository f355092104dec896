"""When a model wants to be looked at though nothing comes in: the calendar, the end of a wait."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush

from retrain_coordinator.core.answers import overdue_at
from retrain_coordinator.core.batch import Key
from retrain_coordinator.core.deciding.evidence import history_of
from retrain_coordinator.core.deciding.triggers import next_calendar_moment
from retrain_coordinator.core.merge import deadline, head
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import ModelState

AGAIN = timedelta(minutes=1)
"""After it a moment that has passed and brought nothing is looked at again: what refused may let go by the clock alone.
At once would be for ever, since the moment of a calendar stands until a run begins."""
_PASSED = 1_000
"""Moments that no longer count which may be held beside those that do: a model that is asked again and again leaves
one behind each time, and a calendar's would lie there until its day."""


class Looks:
    """Which models a wake looks at: those whose moment has come, and those that may be another than at the last look.

    Why not all: each model's moment would cost a look at every other one.
    """

    def __init__(self) -> None:
        self._order: dict[Key, int] = {}
        self._known = 0
        self._open: dict[Key, None] = {}
        self._at: dict[Key, datetime] = {}
        self._moments: list[tuple[datetime, int, Key]] = []
        """A heap; an entry counts where `_at` has the same moment."""
        self._declared: set[str] = set()
        self._latest = datetime.min.replace(tzinfo=UTC)

    def disturb(self, key: Key) -> None:
        """Something came for a model, or its state was restored."""
        if key not in self._order:
            self._order[key] = self._known
            self._known += 1
        self._open[key] = None
        self._at.pop(key, None)

    def declare(self, models: Iterable[str]) -> None:
        """Their specs were applied or withdrawn; of an empty name it may be any model's, as keys may be empty."""
        self._declared.update(models)

    def forget(self, key: Key) -> None:
        """A model that is no longer here."""
        for known in (self._order, self._open, self._at):
            known.pop(key, None)

    def due(self, now: datetime) -> list[Key]:
        """The models to look at now, in the order in which they came to be known.

        All of them where the clock was put back: what is to be asked again was said by a clock that was ahead.
        """
        if now + AGAIN < self._latest:
            self._open |= dict.fromkeys(self._order)
        self._latest = now
        found = dict.fromkeys(self._open)
        while self._moments and self._moments[0][0] <= now:
            at, _, key = heappop(self._moments)
            if self._at.get(key) == at:
                found[key] = None
        if self._declared:
            is_any = "" in self._declared
            found.update(dict.fromkeys(key for key in self._order if is_any or key[1] in self._declared))
            self._declared.clear()
        return sorted(found, key=self._order.__getitem__)

    def looked(self, key: Key, at: datetime | None, *, waits: bool) -> None:
        """A look was taken, the next is due at that moment (None: none is); `waits`: and with every wake till then."""
        if waits:
            self._open[key] = None
        else:
            self._open.pop(key, None)
        if at is None:
            self._at.pop(key, None)
        else:
            self._at[key] = at
            heappush(self._moments, (at, self._order[key], key))
            if len(self._moments) > 2 * len(self._at) + _PASSED:
                self._moments = [(one, self._order[known], known) for known, one in self._at.items()]
                heapify(self._moments)

    @property
    def next(self) -> datetime | None:
        """The earliest moment of a model that was looked at."""
        while self._moments and self._at.get(self._moments[0][2]) != self._moments[0][0]:
            heappop(self._moments)
        return self._moments[0][0] if self._moments else None


def next_moment(state: ModelState, known: Declared, looked: datetime | None = None) -> datetime | None:
    """The next moment that calls for a look at the model: to decide, to say something again, or to go on.

    `looked`: when a look has just been taken; what was due by then is looked at again a minute later.
    """
    moments = [*_deciding(state, known), reminds_at(state, known), goes_on_at(state, known)]
    found = (moment for moment in moments if moment is not None)
    return min((at if looked is None or at > looked else looked + AGAIN for at in found), default=None)


def goes_on_at(state: ModelState, known: Declared) -> datetime | None:
    """When the oldest frame that waits goes on without what did not come, by the log's time whatever the clock."""
    if not state.waiting:
        return None
    found = head(state, known.spec, scored_always=known.scored_always)
    return None if found is None else deadline(state, found)


def reminds_at(state: ModelState, known: Declared) -> datetime | None:
    """When a harm that stands is said once more; models on their events' clock are told with a frame."""
    return overdue_at(state.harm) if known.spec.clock == "wall" else None


def decides_at(state: ModelState, known: Declared) -> datetime | None:
    """The next moment that may change a decision; None for models that run on their events' clock."""
    return min((moment for moment in _deciding(state, known) if moment is not None), default=None)


def _deciding(state: ModelState, known: Declared) -> Iterator[datetime | None]:
    if known.spec.clock == "event":
        return
    yield next_calendar_moment(history_of(state, known.spec), known.policy)
    yield state.retry_at
    yield from (entry.waits_until for entry in state.challenges.values())
