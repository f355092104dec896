"""Statuses of segments at a person's pace: fewer of them, each as it would have been, the newest never withheld."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.app import LOOP
from drift_detection.core.processor import DriftDetection
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.processor import Effects, Outgoing
from driftloop.testing.clock import START, FakeClock
from driftloop.testing.records import FakeRecord

MODEL = "gate"
SECOND = timedelta(seconds=1)
Step = tuple[int, float, bool]
"""Rows of a frame, seconds until it, whether the core is woken before it."""


class Paced:
    """One core with a status for each frame beside one that keeps a pace, on the same frames."""

    def __init__(self, detection: Callable[..., Any], spec: Any = None) -> None:
        self.every = detection(spec).core
        self.paced = DriftDetection(status_seconds=1.0)
        self.paced.knowledge = self.every.knowledge
        self.now: datetime = START
        self.offset = 0
        self.all: dict[tuple[str, str, int], bytes] = {}
        self.said: list[tuple[datetime, DriftStatus]] = []
        self.effects = Effects()

    def take(self, frame: tuple[bytes, tuple[tuple[str, bytes], ...]], after: float = 0.0) -> Effects:
        """A frame for both; what was published."""
        self.now += timedelta(seconds=after)
        record = FakeRecord("outcome-frames", key=MODEL, value=frame[0], headers=frame[1], at_offset=self.offset)
        self.offset += 1
        whole = self.every.process([record], self.now, tables_current=True)
        self.all |= {_id_of(one): one.value for one in whole.outgoing}
        self._hear(self.paced.process([record], self.now, tables_current=True))
        always = [one for one in whole.outgoing if one.topic != "drift-status" or one.key == f"{MODEL}/"]
        paced = [one for one in self.effects.outgoing if one.topic != "drift-status" or one.key == f"{MODEL}/"]
        assert paced == always
        return self.effects

    def wake(self, after: float = 0.0) -> Effects:
        """Time passes without a frame."""
        self.now += timedelta(seconds=after)
        self._hear(self.paced.wake(self.now))
        assert self.effects.only_tells
        return self.effects

    def say_held(self) -> None:
        """The partition may go."""
        self._hear(Effects(tuple(self.paced.say_held(0))))

    def _hear(self, effects: Effects) -> None:
        self.effects = effects
        for one in effects.outgoing:
            assert self.all[_id_of(one)] == one.value
            if one.topic == "drift-status" and one.key != f"{MODEL}/":
                self.said.append((self.now, DriftStatus.from_json(one.value)))


def _id_of(one: Outgoing) -> tuple[str, str, int]:
    found = DriftStatus.from_json(one.value).position.offset if one.topic == "drift-status" else hash(one.value)
    return one.topic, one.key, found


def _rows(stream: Any, rows: int, seed: int) -> Any:
    """Sites of which one is rare; a drift in the second half of one of them."""
    made = stream(rows, seed=seed)
    rng = np.random.default_rng(seed)
    made.columns["site"] = rng.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.18, 0.02]).astype(object)
    worse = (made.columns["site"] == "a") & (np.arange(rows) > rows // 2) & (rng.random(rows) < 0.5)
    other = np.where(made.columns["ok"] == "1", "0", "1").astype(object)
    made.columns["said"] = np.where(worse, other, made.columns["said"])
    made.columns["event"] = rng.choice(["outcome", "prediction", "example"], rows, p=[0.9, 0.05, 0.05]).astype(object)
    return made


def _newest(found: dict[tuple[str, str, int], bytes]) -> dict[str, bytes]:
    """The newest status by key."""
    ordered = sorted((key, offset) for topic, key, offset in found if topic == "drift-status" and key != f"{MODEL}/")
    return {key: found["drift-status", key, offset] for key, offset in ordered}


steps = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.0, -5.0]), st.booleans()),
    min_size=3,
    max_size=20,
)


@settings(max_examples=6, deadline=None)
@given(steps=steps, seed=st.integers(0, 1000), respec=st.integers(0, 25), leaves=st.booleans())
def test_what_is_published_is_what_each_frame_would_have_had(
    detection: Any, stream: Any, make_spec: Any, steps: list[Step], seed: int, respec: int, leaves: bool
) -> None:
    rows, both = _rows(stream, sum(step[0] for step in steps), seed), Paced(detection)
    start, version = 0, 1
    for place, (count, after, woken) in enumerate(steps):
        if place == respec:
            version = 2
            spec = make_spec(detection={"window_rows": 400})
            told = ModelSpecPublished(
                message_id=derive_id("spec", 2), model_id=MODEL, occurred_at=START, spec_version=2, spec=spec
            )
            both.every.take_table("model-specs", [FakeRecord("model-specs", key=MODEL, value=told.to_json())])
        if woken:
            both.wake(after / 2)
        both.take(rows.frame(start, start + count, version), after)
        start += count
    if leaves:
        both.say_held()
    elif both.effects.wake_at is not None:
        both.now = both.effects.wake_at
        both.wake()
    kept = {("drift-status", f"{MODEL}/{one.segment}", one.position.offset): one for _, one in both.said}
    assert _newest({name: both.all[name] for name in kept}) == _newest(both.all)
    assert len(kept) == len(both.said)  # none of them twice
    assert both.effects.wake_at is None


def test_a_segment_has_a_status_a_second_while_nothing_of_it_changes(detection: Any, stream: Any) -> None:
    both, rows = Paced(detection), stream(1200)
    for first in range(0, 1200, 20):
        both.take(rows.frame(first, first + 20), after=0.1)
    north = [at for at, one in both.said if one.segment == "site=north"]
    gaps = [later - at for at, later in pairwise(north)]
    assert max(gaps) <= 1.1 * SECOND
    assert 6 <= len(north) <= 8, "of six seconds"


def test_a_second_after_the_last_frame_the_newest_is_told_and_nothing_is_written_down_with_it(
    detection: Any, stream: Any
) -> None:
    both, rows = Paced(detection), stream(300)
    both.take(rows.frame(0, 100))
    both.take(rows.frame(100, 200), after=0.2)
    effects = both.take(rows.frame(200, 300), after=0.2)
    assert [one.key for one in effects.outgoing] == ["gate/"]
    assert effects.wake_at == START + SECOND
    assert both.wake(0.5).outgoing == ()
    last = both.wake(0.1)
    assert [one.key for one in last.outgoing] == ["gate/site=north", "gate/site=south"]
    assert sum(one.rows for _, one in both.said[-2:]) == 300
    assert (last.only_tells, last.wake_at) == (True, None)


def test_an_alarm_of_a_segment_is_told_with_its_frame(detection: Any, stream: Any) -> None:
    both = Paced(detection)
    rows = _rows(stream, 12_000, 5)
    begun = None
    for first in range(0, 12_000, 500):
        both.take(rows.frame(first, first + 500), after=0.001)
        raised = [one for one in both.effects.outgoing if one.topic == "drift-signals" and b'"site=a"' in one.value]
        if raised and begun is None:
            begun = both.offset - 1
            assert "gate/site=a" in [one.key for one in both.effects.outgoing]
    assert begun is not None
    first = next(one for _, one in both.said if one.segment == "site=a" and one.active_signals)
    assert first.position.offset == begun


def test_a_segment_that_few_frames_have_rows_of_has_a_status_a_second_too(detection: Any, stream: Any) -> None:
    both, rows = Paced(detection), stream(400)
    rows.columns["site"] = np.where(np.arange(400) % 20 < 10, "north", "south").astype(object)
    for first in range(0, 400, 10):
        both.take(rows.frame(first, first + 10), after=0.1)
    for segment in ("site=north", "site=south"):
        assert 4 <= sum(one.segment == segment for _, one in both.said) <= 5, "of four seconds"


def test_after_the_clock_was_put_back_the_newest_is_told_after_a_second(detection: Any, stream: Any) -> None:
    both, rows = Paced(detection), stream(400)
    both.take(rows.frame(0, 100))
    both.take(rows.frame(100, 200), after=0.2)
    both.take(rows.frame(200, 300), after=-3600)
    put_back = both.now
    both.take(rows.frame(300, 400), after=0.2)
    assert both.effects.wake_at == put_back + SECOND
    assert [one.key for one in both.wake(0.8).outgoing] == ["gate/site=north", "gate/site=south"]
    assert sum(one.rows for _, one in both.said[-2:]) == 400
    assert both.effects.wake_at is None


def test_after_the_clock_was_put_back_what_waits_is_told_without_another_frame(detection: Any, stream: Any) -> None:
    both, rows = Paced(detection), stream(200)
    both.take(rows.frame(0, 100))
    assert both.take(rows.frame(100, 200), after=0.2).wake_at == START + SECOND
    assert [one.key for one in both.wake(-3600).outgoing] == ["gate/site=north", "gate/site=south"]
    assert both.effects.wake_at is None


def test_what_waits_of_a_partition_is_said_once_before_it_leaves(detection: Any, stream: Any) -> None:
    both, rows = Paced(detection), stream(300)
    both.take(rows.frame(0, 100))
    both.take(rows.frame(100, 200), after=0.1)
    kept = [*both.paced.snapshot(0)]
    assert both.paced.say_held(1) == []
    both.say_held()
    assert [one.key for one in both.effects.outgoing] == ["gate/site=north", "gate/site=south"]
    assert sum(one.rows for _, one in both.said[-2:]) == 200
    assert both.paced.say_held(0) == []
    assert both.wake(5).outgoing == ()
    assert [*both.paced.snapshot(0)] == kept
    assert [one.key for one in both.take(rows.frame(200, 300)).outgoing] == [
        "gate/site=north",
        "gate/site=south",
        "gate/",
    ]


def test_a_partition_that_is_lost_takes_what_waits_of_it_along(detection: Any, stream: Any) -> None:
    both, rows = Paced(detection), stream(200)
    both.take(rows.frame(0, 100))
    both.take(rows.frame(100, 200), after=0.1)
    both.paced.revoke(0)
    assert both.wake(5).outgoing == ()


@pytest.mark.parametrize("stops", [True, False])
def test_the_newest_status_of_each_segment_is_on_the_log_once_detection_stops_or_its_partition_moves(
    detection: Any, stream: Any, stops: bool
) -> None:
    both, rows = Paced(detection), stream(300)
    log, clock = MemoryLog(), FakeClock()
    loop = MemoryLoop(both.paced, LOOP, log, clock=clock)
    loop.start()
    for first in range(0, 300, 100):
        value, headers = rows.frame(first, first + 100)
        log.append("outcome-frames", key=MODEL, value=value, headers=headers)
        loop.step()
        clock.advance(seconds=0.1)

    def said() -> list[DriftStatus]:
        found = [DriftStatus.from_json(one.value() or b"") for one in log.records("drift-status")]
        return [one for one in found if one.segment]

    assert {one.position.offset for one in said()} == {0}
    if stops:
        loop.finish()
    loop._transport.close()
    newest = [one for one in said() if one.position.offset == 2]
    assert sorted(one.segment for one in newest) == ["site=north", "site=south"]
    assert sum(one.rows for one in newest) == 300
