"""Ratings: their mean and their trend, of the whole model and of each value of its segments."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROWS = 2000


def rated(stream: Any) -> Any:
    """Every other row has a rating: in the south they fall from 0.9 to 0.3, in the north they stay."""
    made = stream(ROWS, seed=9)
    falling = np.where(made.columns["site"] == "south", np.linspace(0.9, 0.3, ROWS), 0.8)
    made.columns["rating"] = np.where(np.arange(ROWS) % 2 == 0, falling, np.nan)
    return made


def newest(statuses: Any, segment: str) -> dict[str, float]:
    found: dict[str, float] = [one for one in statuses if one.segment == segment][-1].metrics
    return found


def test_each_channel_has_its_mean_rating_and_its_trend(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(rated(stream), cuts=range(250, ROWS, 250))
    north, south, whole = (newest(watched.statuses, one) for one in ("site=north", "site=south", ""))
    assert north["rating"] == pytest.approx(0.8)
    assert north["rating_trend"] == pytest.approx(0.0, abs=1e-9)
    assert south["rating_trend"] < -2 * south["rating_trend_error"] < 0
    assert whole["rated_rows"] == 1000
    assert 0.5 < south["rating"] < whole["rating"] < north["rating"]


def test_without_ratings_nothing_is_said_of_them(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(500))
    assert not [name for name in watched.statuses[-1].metrics if "rating" in name or "rated" in name]


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(1, ROWS - 1), min_size=1, max_size=6, unique=True).map(sorted), at=st.integers(0, 5))
def test_ratings_do_not_depend_on_frames_or_restarts(cuts: list[int], at: int, detection: Any, stream: Any) -> None:
    rows = rated(stream)
    whole = detection()
    whole.feed(rows)
    parts, restored = detection(), detection()
    parts.feed_with(restored, rows, cuts, min(at, len(cuts) - 1))
    assert newest(restored.statuses, "") == newest(whole.statuses, "")
    assert restored.core.models()[0][1].ratings.snapshot() == whole.core.models()[0][1].ratings.snapshot()
