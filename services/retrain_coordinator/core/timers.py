"""When a model wants to be looked at though nothing comes in: the calendar, the end of a wait."""

from datetime import datetime

from retrain_coordinator.core.evidence import history_of
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.triggers import next_calendar_moment


def next_moment(state: ModelState, known: Declared) -> datetime | None:
    """The next moment that may change a decision; None for models that run on their events' clock."""
    if known.spec.clock == "event":
        return None
    history = history_of(state, known.spec)
    moments = [next_calendar_moment(history, known.policy), state.retry_at]
    moments += [entry.waits_until for entry in state.challenges.values()]
    return min((moment for moment in moments if moment is not None), default=None)
