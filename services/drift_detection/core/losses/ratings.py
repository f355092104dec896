"""Ratings of predictions by people: of the whole model, and of each value of its segments.

A row counts when it has its label, with the rating that it has then, or when it is rated without one; and again where
another rating comes with a correction (one that says none has none) or alone. A label that finds its row rated already
counts no second time. Segments are the first to come, whether detection watches them or not: what counts must not
depend on how rows were batched.
"""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift_detection.core.losses.performance import Floats, Gaps, Recent
from drift_detection.core.rows import FrameRows, numbers, places_of
from driftloop.codec.frames import RATED_AT
from driftloop.statistics.scores import trend

MOST_SEGMENTS = 50
"""Of each segment field."""


def _tells_rating(rows: FrameRows) -> NDArray[np.bool_]:
    """Rows that may tell a rating for the first time: not those whose rating stands in an earlier row."""
    told = rows.labelled | rows.is_correction
    alone = rows.column(RATED_AT)
    if alone is None:
        return told
    is_rating = pc.equal(rows.batch.column("event"), "rating").to_numpy(zero_copy_only=False)
    found: NDArray[np.bool_] = (told & alone.is_null().to_numpy(zero_copy_only=False)) | is_rating
    return found


class RecentRatings(Recent):
    """The last 1,000 ratings, in blocks of 50."""

    measures = ("rating",)
    extra = 0

    def _counts(self, blocks: Floats, gaps: Gaps) -> Floats:  # noqa: ARG002 - ratings have no further counts
        return np.empty((0, gaps.shape[1]))


class Ratings:
    """By segment; the whole model's under the empty name. Nothing is there before the first rating."""

    def __init__(self) -> None:
        self._by_segment: dict[str, RecentRatings] = {}

    def take(self, rows: FrameRows) -> None:
        """Count the ratings of a frame's labelled, corrected and rated rows."""
        column = rows.column("rating")
        if column is None or column.null_count == len(column):
            return
        given = numbers(column)
        which = np.flatnonzero(_tells_rating(rows) & ~np.isnan(given))
        if not len(which):
            return
        self._push("", given[which])
        for name, codes, values in rows.segments():
            parts = zip(values, places_of(codes[which], len(values)), strict=True)
            there = [(value, part) for value, part in parts if len(part)]
            for value, part in sorted(there, key=lambda entry: int(entry[1][0])):
                self._push(f"{name}={value}", given[which][part])

    def _push(self, segment: str, given: Floats) -> None:
        known = self._by_segment.get(segment)
        if known is None:
            field = segment.partition("=")[0]
            if sum(one.partition("=")[0] == field for one in self._by_segment) >= MOST_SEGMENTS:
                return
            known = self._by_segment[segment] = RecentRatings()
        known.push(given[None, :])

    def metrics(self, segment: str) -> dict[str, float]:
        """Mean of the last 1,000 ratings, their number, and their trend over ten blocks of 50; {} before 50."""
        recent = self._by_segment.get(segment)
        blocks = None if recent is None else recent.blocks()
        if recent is None or blocks is None:
            return {}
        total = blocks.sum(axis=0)
        found = {"rating": recent.mean("rating", total) or 0.0, "rated_rows": float(total[0])}
        means = recent.block_means("rating", blocks)
        if len(means) >= 3:
            _, slope, error = trend(means, rising_is_good=True)
            found |= {"rating_trend": slope, "rating_trend_error": error}
        return found

    def snapshot(self) -> dict[str, Any]:
        """What `restore` takes up."""
        return {segment: recent.snapshot() for segment, recent in self._by_segment.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        for segment, kept in state.items():
            recent = self._by_segment[segment] = RecentRatings()
            recent.restore(kept)
