"""A log of months: each thing on it is looked at a few times, and not once for each frame."""

import random

from hypothesis import given
from hypothesis import strategies as st

from driftloop.tools.verify.coordination import Arrival, Arrivals


class Counted(int):
    """A number that counts how often one is compared with another."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) > int(other)

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


def _comparisons(frames: int) -> float:
    """Comparisons for each frame, where each brings something that has an effect and something that has none."""
    numbers = list(range(frames))
    random.Random(1).shuffle(numbers)
    waiting = [Arrival(Counted(number), 0, None, (0, 0.0)) for number in numbers]
    waiting += [Arrival(None, Counted(number), None, (0, 0.0)) for number in numbers]
    arrivals = Arrivals(waiting)
    Counted.compared = 0
    assert sum(len(arrivals.due(frame, frame)) for frame in range(frames + 1)) == 2 * frames
    return Counted.compared / frames


def test_twenty_times_the_frames_cost_each_frame_hardly_more() -> None:
    assert _comparisons(4_000) < 2.5 * _comparisons(200)


@given(
    st.lists(st.tuples(st.none() | st.integers(-1, 9), st.integers(0, 9))),
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10))),
)
def test_what_is_due_is_what_a_look_at_everything_finds_in_the_order_given(
    things: list[tuple[int | None, int]], frames: list[tuple[int, int]]
) -> None:
    left = [Arrival(after, at_ms, None, (0, 0.0), str(place)) for place, (after, at_ms) in enumerate(things)]
    arrivals = Arrivals(left)
    for before, before_ms in frames:
        due = [one for one in left if (one.at_ms < before_ms if one.after is None else one.after < before)]
        assert arrivals.due(before, before_ms) == due
        left = [one for one in left if one not in due]
