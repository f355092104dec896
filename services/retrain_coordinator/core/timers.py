"""When a model wants to be looked at though nothing comes in: the calendar, the end of a wait."""

from datetime import datetime

from retrain_coordinator.core.answers import overdue_at
from retrain_coordinator.core.deciding.evidence import history_of
from retrain_coordinator.core.deciding.triggers import next_calendar_moment
from retrain_coordinator.core.merge import deadline, head
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import ModelState


def next_moment(state: ModelState, known: Declared) -> datetime | None:
    """The next moment that calls for a look at the model: to decide, to say something again, or to go on."""
    found = (decides_at(state, known), reminds_at(state, known), goes_on_at(state, known))
    return min((moment for moment in found if moment is not None), default=None)


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
    if known.spec.clock == "event":
        return None
    history = history_of(state, known.spec)
    moments = [next_calendar_moment(history, known.policy), state.retry_at]
    moments += [entry.waits_until for entry in state.challenges.values()]
    return min((moment for moment in moments if moment is not None), default=None)
