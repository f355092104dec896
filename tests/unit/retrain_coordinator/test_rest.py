"""A model of which nothing waits is not looked at when another one's moment comes; nobody can tell the difference."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.contracts import topics
from driftloop.processor import Effects
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.declaring import spec_message
from retrain_coordinator.core.batch import Key
from retrain_coordinator.core.processor import Coordinator
from retrain_coordinator.core.timers import AGAIN, Looks, next_moment

from .conftest import START, Story, spec

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Looking(Coordinator):
    """Counts how often a model is looked at."""

    looks = 0

    def _desk(self, *given: Any) -> Any:
        self.looks += 1
        return super()._desk(*given)


class All(Looks):
    """Each model, at each wake."""

    def due(self, now: datetime) -> list[Key]:
        """But one that was just asked, and waits out its minute."""
        asked = super().due(now)
        waiting = {key for key, at in self._at.items() if at - now <= AGAIN and key not in asked}
        return [key for key in self._order if key not in waiting]


class Restless(Coordinator):
    """Looks at every model whenever it wakes."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = All()


class Both:
    """One that lets models rest and one that does not: whatever they are told, they say the same."""

    def __init__(self) -> None:
        self._one, self._other = Coordinator(), Restless()

    def process(self, records: Any, now: datetime, *, tables_current: bool = False) -> Effects:
        found: Effects = self._same("process", records, now, tables_current=tables_current)
        return found

    def wake(self, now: datetime) -> Effects:
        found: Effects = self._same("wake", now)
        return found

    def take_table(self, topic: str, records: Any) -> None:
        self._same("take_table", topic, records)

    def restart(self) -> None:
        entries = [(state.model_id, state.to_json()) for state in self._one.states()]
        self._same("restore", 0, entries)

    def states(self) -> Any:
        return self._one.states()

    def _same(self, name: str, *given: Any, **also: Any) -> Any:
        one, other = (getattr(core, name)(*given, **also) for core in (self._one, self._other))
        assert one == other
        assert [state.to_json() for state in self._one.states()] == [state.to_json() for state in self._other.states()]
        return one


def _fleet(models: int) -> tuple[Looking, datetime]:
    """Models that are each due a day after their first version, a minute apart; and when the first of them is."""
    core = Looking()
    for number in range(models):
        told = Story(
            spec(model_id=f"m{number}", clock="wall", policy="plant-regression"),
            core=core, now=START + number * MINUTE, model_id=f"m{number}",
        )  # fmt: skip
        told.first_version()
    first = core.wake(START + models * MINUTE).wake_at
    assert first is not None
    core.looks = 0
    return core, first


@pytest.mark.parametrize("models", [10, 60])
def test_the_moments_of_all_models_cost_each_model_a_few_looks(models: int) -> None:
    core, at = _fleet(models)
    requests = 0
    for _ in range(models):
        effects = core.wake(at)
        requests += sum(out.topic == topics.TRAINING_REQUESTS for out in effects.outgoing)
        at = effects.wake_at or at
    assert requests == models
    assert core.looks <= 3 * models


@pytest.mark.parametrize("policy", ["plant-regression", "agent-outcomes"])
def test_a_calendar_that_comes_while_the_model_is_frozen_is_not_asked_for_without_a_pause(policy: str) -> None:
    told = Story(spec(clock="wall", policy=policy)).first_version()
    told.command("freeze")
    at = told.core.wake(told.now).wake_at
    for _ in range(20):
        assert at is not None
        looked, at = at, told.core.wake(at).wake_at
        assert at is not None
        assert at - looked >= MINUTE


def test_what_was_due_while_the_model_was_frozen_comes_once_it_is_not() -> None:
    told = Story(spec(clock="wall", policy="plant-regression")).first_version()
    told.command("freeze")
    due = told.core.wake(told.now).wake_at
    assert due is not None
    told.take(told.core.wake(due))
    told.now = due + timedelta(seconds=20)
    told.command("unfreeze")
    told.take(told.core.wake(told.now))
    assert told.decisions[-1].action == "retrain"


def test_a_moment_within_that_minute_is_kept() -> None:
    told = Story(spec(clock="wall", policy="plant-regression")).first_version()
    told.command("freeze")
    due = told.core.wake(told.now).wake_at
    assert due is not None
    soon = due + timedelta(seconds=5)
    told.state.refuse("forced_age:frozen", soon)
    assert next_moment(told.state, told.core._specs.get("m"), due) == soon  # type: ignore[arg-type]


ASKED = ("freeze", "unfreeze", "retrain", "approve", "veto")
HAPPENED = ("status", "harm", "result", "failed", "spec", "policy", "withdrawn", "hours", "days", "restart")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(ASKED + HAPPENED), min_size=1, max_size=25),
    st.sampled_from(["plant-regression", "agent-outcomes", "default"]),
)
def test_a_core_that_looks_at_everything_says_the_same(actions: list[str], policy: str) -> None:
    core = Both()
    told = Story(spec(clock="wall", policy=policy), core=core).first_version()  # type: ignore[arg-type]
    for number, action in enumerate(actions, 2):
        _act(told, core, action, number)
        told.take(core.wake(told.now))


def _act(told: Story, core: Both, action: str, number: int) -> None:
    match action:
        case "harm":
            told.signal(say=True)
            told.status(60, 0.6)
        case "withdrawn":
            core.take_table(topics.MODEL_SPECS, [FakeRecord(topics.MODEL_SPECS, key="m", value=None)])
            told.take(core.wake(told.now))
            told.apply(told.spec, number)
        case "spec" | "policy":
            changes = {"policy": "agent-outcomes"} if action == "policy" else {"segments": ("site",)}
            told.apply(told.spec.model_copy(update=changes), number)
        case "result" | "failed":
            if core.states()[0].run is not None:
                told.result([0.3] * 40, [0.1] * 40, status="succeeded" if action == "result" else "failed")
        case "hours" | "days":
            told.now += timedelta(**{action: 8})
        case "status":
            told.status(60, 0.1)
        case "restart":
            core.restart()
        case _:
            told.command(action)


def test_moments_that_no_longer_count_do_not_heap_up() -> None:
    looks, keys = Looks(), [(0, f"m{number}") for number in range(40)]
    for turn in range(2_000):
        for key in keys if turn % 2 else keys[:3]:
            looks.disturb(key)
        now = START + turn * timedelta(seconds=1)
        for key in looks.due(now):
            looks.looked(key, START + 30 * DAY, waits=False)
    assert len(looks._moments) <= 2 * len(keys) + 1_000
    assert looks.next == START + 30 * DAY
    assert looks.due(START + 30 * DAY) == keys


@pytest.mark.parametrize("policy", ["plant-regression", "agent-outcomes"])
def test_a_clock_that_was_put_back_makes_no_model_wait_for_the_wrong_time(policy: str) -> None:
    told = Story(spec(clock="wall", policy=policy)).first_version()
    told.command("freeze")
    due = told.core.wake(told.now).wake_at
    assert due is not None
    wrong = told.core.wake(due + 300 * DAY).wake_at
    assert wrong is not None
    assert wrong > due + 300 * DAY
    again = told.core.wake(due - MINUTE).wake_at
    assert again is not None
    assert again <= due


@pytest.mark.parametrize("key", ["m", ""])
def test_a_spec_that_brings_a_moment_forward_is_noticed_whatever_its_row_is_called(key: str) -> None:
    told = Story(spec(clock="wall", policy="agent-outcomes")).first_version()
    late = told.core.wake(told.now).wake_at
    changed = told.spec.model_copy(update={"policy": "plant-regression"})
    row = spec_message(changed, told.now, 2).to_json()
    told.core.take_table(topics.MODEL_SPECS, [FakeRecord(topics.MODEL_SPECS, key=key, value=row)])
    early = told.core.wake(told.now).wake_at
    assert late is not None
    assert early is not None
    assert early < late
