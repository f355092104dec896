"""Which segments are watched where there are more than can be: those with the most rows.

The first fifty to come are watched at once. After 256 rows, 512 and so on, and from 32,768 on after every 32,768,
a segment that nobody watches takes the place of one that has less than half of its rows; one whose alarm stands
keeps its place. What a monitor had learnt of a segment that leaves is lost, so places change hands seldom.

Why a sample of rows: a field of customers' numbers has as many segments as rows, and a snapshot must end somewhere.
Why chosen by the row's number: the same rows are in the sample however frames cut them; multiplied, because rows
often come in turns.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEGMENTS = 50
FIRST_REVIEW, LAST_REVIEW = 1 << 8, 1 << 15
SAMPLED = 1 << 11
"""Rows between two reviews that are looked at."""
FEWEST = 8
"""Rows of the sample that a segment needs to take a place."""
SHARE_THAT_MATTERS = 0.01
_SPREAD, _WORD = 2_654_435_761, 1 << 32


class SegmentSlots:
    """Counts the segments of a model's rows between two reviews."""

    def __init__(self) -> None:
        self._rows = 0
        self._counts: Counter[str] = Counter()
        self._sampled = 0
        self.unwatched = 0
        """At the last review: segments with a hundredth of the rows, or more, that nobody watches."""
        self.unwatched_share = 0.0
        """At the last review: part of the rows' segments that nobody watches."""

    @property
    def until_review(self) -> int:
        """Rows to the next review: no more may be pushed at once."""
        if self._rows < FIRST_REVIEW:
            return FIRST_REVIEW - self._rows
        stride = min(1 << (self._rows.bit_length() - 1), LAST_REVIEW)
        return stride - self._rows % stride

    def push(self, fields: Collection[tuple[str, NDArray[np.int32], list[str]]], rows: int) -> bool:
        """Take in rows by the codes of their segments; true if a review is due."""
        numbers = np.arange(self._rows, self._rows + rows, dtype=np.int64)
        every = max(min(1 << max(self._rows.bit_length() - 1, 0), LAST_REVIEW) // SAMPLED, 1)
        which = np.flatnonzero(numbers * _SPREAD % _WORD < _WORD // every) if every > 1 else None
        for name, codes, values in fields:
            picked = codes if which is None else codes[which]
            counts = np.bincount(picked + 1, minlength=len(values) + 1).tolist()
            self._counts.update(
                {f"{name}={value}": count for value, count in zip(values, counts[1:], strict=True) if count}
            )
        self._sampled += rows if which is None else len(which)
        due = rows == self.until_review
        self._rows += rows
        return due

    def review(self, watched: Mapping[str, bool]) -> list[tuple[str, str]]:
        """(segment that leaves, segment that takes its place); `watched` says of each whether it must stay."""
        counts, self._counts = self._counts, Counter()
        sampled, self._sampled = self._sampled, 0
        leaving = sorted((name for name, stays in watched.items() if not stays), key=lambda name: (counts[name], name))
        coming = sorted((name for name in counts if name not in watched), key=lambda name: (-counts[name], name))
        pairs = []
        for old, new in zip(leaving, coming, strict=False):
            if len(watched) < SEGMENTS or counts[new] < FEWEST or counts[new] <= 2 * counts[old]:
                break
            pairs.append((old, new))
        seen = {*watched, *(new for _, new in pairs)} - {old for old, _ in pairs}
        rest = {name: count for name, count in counts.items() if name not in seen}
        self.unwatched = sum(count >= SHARE_THAT_MATTERS * sampled for count in rest.values())
        self.unwatched_share = sum(rest.values()) / max(sum(counts.values()), 1)
        return pairs

    def snapshot(self) -> list[Any]:
        """All that changes."""
        return [self._rows, dict(self._counts), self._sampled, self.unwatched, self.unwatched_share]

    def restore(self, state: list[Any]) -> None:
        """Take up where `snapshot` left off."""
        self._rows, counts, self._sampled, self.unwatched, self.unwatched_share = state
        self._counts = Counter(counts)
