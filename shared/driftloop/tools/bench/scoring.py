"""From rows of alarms to figures, under the names that the field uses."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """How a detector did on a stream whose changes are known.

    `delays` has, for each change, rows from it to the first alarm before the next one, None where
    there was none; `false_alarms` are those before the first change, `repeats` those that follow a
    change's first.
    """

    delays: tuple[int | None, ...]
    false_alarms: int
    repeats: int

    @property
    def recall(self) -> float:
        """Share of changes that were found."""
        return sum(delay is not None for delay in self.delays) / len(self.delays) if self.delays else 0.0


def score(alarms: Sequence[int], changes: Sequence[int], rows: int) -> Score:
    """The score of alarms at these rows.

    >>> score([5, 12, 13, 31], changes=[10, 20, 30], rows=40)
    Score(delays=(2, None, 1), false_alarms=1, repeats=1)
    """
    ends = [*changes[1:], rows]
    delays: list[int | None] = []
    repeats = 0
    for begin, end in zip(changes, ends, strict=True):
        inside = [alarm for alarm in alarms if begin <= alarm < end]
        delays.append(inside[0] - begin if inside else None)
        repeats += max(len(inside) - 1, 0)
    first = changes[0] if changes else rows
    return Score(tuple(delays), sum(alarm < first for alarm in alarms), repeats)
