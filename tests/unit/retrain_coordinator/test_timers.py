"""A model on the wall clock is looked at when a moment comes, though nothing comes in."""

from datetime import timedelta

from retrain_coordinator.core.processor import Coordinator

DAY = timedelta(days=1)


def wall(story, **changes):
    return story(clock="wall", **changes).first_version()


def test_the_forced_age_comes_by_the_clock_alone(story):
    told = wall(story, policy="plant-regression")
    effects = told.core.wake(told.now)
    assert effects.wake_at == told.now + DAY
    assert not effects.outgoing
    told.take(told.core.wake(told.now + DAY))
    assert (told.actions[-1], told.decisions[-1].trigger) == ("retrain", "forced_age")


def test_a_wake_that_is_done_again_gives_the_same_bytes(story):
    told = wall(story, policy="plant-regression")
    saved, later = told.state.to_json(), told.now + DAY
    first = told.core.wake(later)
    again = Coordinator()
    again._specs = told.core._specs
    again.restore(0, [("m", saved)])
    assert again.wake(later).outgoing == first.outgoing


def test_the_end_of_a_gap_is_waited_for(story):
    policy = {
        "preset": "default",
        "triggers": {"payoff": None, "metrics": [{"name": "floor", "metric": "accuracy", "below": 0.7}]},
        "safeguards": {"least_gap_seconds": 7200.0},
    }
    told = wall(story, policy=policy)
    told.status(100, 0.5, metrics={"accuracy": 0.5})
    assert told.actions[-1] == "refuse"
    effects = told.core.wake(told.now)
    assert effects.wake_at == told.state.retry_at
    told.take(told.core.wake(told.state.retry_at))
    assert told.actions[-1] == "retrain"


def test_the_schedule_comes_by_the_clock_alone(story):
    told = wall(story, policy="agent-outcomes")
    due = told.core.wake(told.now).wake_at
    assert (due.isoweekday(), due.hour) == (1, 3)
    told.take(told.core.wake(due))
    assert (told.decisions[-1].trigger, told.requests[-1].mode) == ("schedule", "full")


def test_models_on_their_events_clock_ask_for_no_wake(story):
    told = story(policy="plant-regression").first_version()
    assert told.core.wake(told.now + 30 * DAY).outgoing == ()
    told.status(100, 0.01, hours=25.0)
    assert told.decisions[-1].trigger == "forced_age"
