"""Versions that share traffic by channel: their answers are counted, and published with the status."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.losses.variants import MOST_CHANNELS, MOST_VERSIONS
from driftloop.contracts.drift_status import DriftStatus
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.variants import VariantRule

VERSIONS = ("1.0.0", "1.0.1")


def of_two(stream: Any, rows: int = 1200) -> Any:
    """In the north 1.0.1 is right, in the south it is wrong."""
    made = stream(rows, seed=7)
    other = np.arange(rows) % 2 == 1
    made.columns["version"][other] = "1.0.1"
    wrong = np.where(made.columns["ok"] == "1", "0", "1").astype(object)
    south = made.columns["site"] == "south"
    made.columns["said"] = np.where(other, np.where(south, wrong, made.columns["ok"]), made.columns["said"])
    return made


def ruled(make_spec: Any, **changes: Any) -> ModelSpec:
    return make_spec(variants=VariantRule(channel="site"), **changes)


def test_each_channel_knows_how_often_each_version_was_right_of_late(
    detection: Any, stream: Any, make_spec: Any
) -> None:
    watched = detection(ruled(make_spec), versions=VERSIONS)
    watched.feed(of_two(stream))
    known = watched.statuses[-1].channels
    assert sorted(known) == ["north", "south"]
    assert known["north"]["1.0.1"].wrong == 0
    assert known["south"]["1.0.1"].right == 0
    share = known["south"]["1.0.0"].right / (known["south"]["1.0.0"].right + known["south"]["1.0.0"].wrong)
    assert share == pytest.approx(0.9, abs=0.05)
    assert 150 < known["north"]["1.0.1"].right < 200, "of about 300 rows, the newest 200 count"
    raw = watched.raw[-1][1]
    assert DriftStatus.from_json(raw).to_json() == raw


def test_without_variants_a_status_is_what_it_was(detection: Any, stream: Any) -> None:
    watched = detection(versions=VERSIONS)
    watched.feed(of_two(stream))
    assert not any(b"channels" in value for _, value in watched.raw)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(1, 1199), min_size=1, max_size=6, unique=True).map(sorted), at=st.integers(0, 5))
def test_counts_do_not_depend_on_frames_or_restarts(
    cuts: list[int], at: int, detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = of_two(stream)
    whole = detection(ruled(make_spec), versions=VERSIONS)
    whole.feed(rows)
    parts, restored = (detection(ruled(make_spec), versions=VERSIONS) for _ in range(2))
    parts.feed_with(restored, rows, cuts, min(at, len(cuts) - 1))
    assert restored.statuses[-1].channels == whole.statuses[-1].channels


def test_channels_and_versions_are_bounded(detection: Any, stream: Any, make_spec: Any) -> None:
    rows = stream(6000, seed=8)
    rows.columns["site"] = np.array([f"s{number % 300}" for number in range(6000)], dtype=object)
    rows.columns["version"] = np.array([f"1.0.{number // 300 % 40}" for number in range(6000)], dtype=object)
    watched = detection(ruled(make_spec), versions=())
    watched.feed(rows)
    known = watched.statuses[-1].channels
    assert len(known) == MOST_CHANNELS
    assert max(map(len, known.values())) == MOST_VERSIONS
    assert "1.0.19" in known["s0"]
    assert "1.0.0" not in known["s0"]


def test_variants_need_a_channel_that_is_a_segment(make_spec: Any) -> None:
    with pytest.raises(ValueError, match="add it to segments"):
        make_spec(variants=VariantRule(channel="shop"))
