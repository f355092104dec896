"""What one broker says against an offset ends nothing at once, and everything if it is said for long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.kafka.loop import doubts
from driftloop.kafka.loop.doubts import AGAIN_S, SURE_AFTER_S, Doubts

A, B = ("a", 0), ("a", 1)


class Time:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    clock = Time()
    monkeypatch.setattr(doubts, "time", clock)
    return clock


def test_a_position_is_asked_for_again_after_a_while_and_once_each_time(time):
    open_ = Doubts()
    assert open_.raised(A)
    assert open_.due() == []
    time.now += AGAIN_S
    assert open_.due() == [A]
    assert open_.due() == []
    assert open_.raised(A)
    time.now += AGAIN_S
    assert open_.due() == [A]


def test_what_is_said_for_long_is_true(time):
    open_, tries = Doubts(), 0
    while open_.raised(A):
        tries += 1
        time.now += AGAIN_S
        assert open_.due() == [A]
    assert tries == SURE_AFTER_S / AGAIN_S


def test_where_something_came_the_next_doubt_is_a_new_one(time):
    open_ = Doubts()
    open_.raised(A)
    open_.raised(B)
    time.now += SURE_AFTER_S
    open_.over([A])
    assert open_
    assert open_.raised(A)
    assert not open_.raised(B)


def test_records_in_front_of_what_is_doubted_leave_the_doubt(time):
    open_ = Doubts()
    open_.raised(A)
    open_.heard([A, B])
    time.now += AGAIN_S
    assert open_.due() == [A], "it is asked for again, or nothing would ever come of it"
    open_.heard([A])
    assert not open_


@given(st.lists(st.sampled_from([("raised", A), ("raised", B), ("over", A), ("over", B), ("pass", None)]), max_size=40))
def test_nothing_is_doubted_for_longer_than_it_takes_to_be_sure(steps):
    open_, clock, since = Doubts(), Time(), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubts, "time", clock)
        for what, position in steps:
            if what == "pass":
                clock.now += 4 * AGAIN_S
                assert set(open_.due()) <= set(since)
            elif what == "over":
                open_.over([position])
                since.pop(position, None)
            else:
                began = since.setdefault(position, clock.now)
                assert open_.raised(position) == (clock.now - began < SURE_AFTER_S)
            assert bool(open_) == bool(since)
