"""What is remembered of a model is held packed, and is the same when it is opened."""

import gc
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from drift_detection.core.kept.kept_profile import KeptProfile
from drift_detection.core.kept.narrow import narrow_floats, narrow_integers, wide_floats, wide_integers
from drift_detection.core.kept.pairs import Pairs
from drift_detection.core.reports.attribution import LossHistory
from drift_detection.core.rows import codes_of
from driftloop.tools.bench.watched import START, make_detection, make_frame

MODELS = 12
MOST_KB = 170
"""What a model of ten features and three segments may keep after a frame; with its profile as objects it was 277."""


@given(
    arrays.arrays(np.int64, st.integers(0, 6), elements=st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-2, 300))
)
def test_whole_numbers_are_held_exactly(values):
    assert wide_integers(narrow_integers(values)).tolist() == values.tolist()


@given(arrays.arrays(np.float64, st.integers(0, 6), elements=st.floats() | st.integers(0, 300).map(float)))
def test_numbers_are_held_to_the_bit(values):
    assert wide_floats(narrow_floats(values)).tobytes() == values.tobytes()


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.floats(allow_nan=False))))
def test_pairs_are_those_that_were_given(pairs):
    held = Pairs(pairs)
    assert (list(held), len(held), held) == (pairs, len(pairs), tuple(pairs))


@given(st.lists(st.sampled_from(["", "a", "ab", "b"]) | st.none()), st.integers(0, 3))
def test_codes_of_a_part_of_a_column_are_those_of_its_texts(texts, first):
    codes, names = codes_of(pa.array(texts, pa.string()).slice(first))
    assert [None if code < 0 else names[code] for code in codes.tolist()] == texts[first:]


@pytest.mark.parametrize("segments", [1, 255, 256, 257, 400])
def test_to_trim_rows_once_more_lets_go_of_no_segment(segments):
    history = LossHistory()
    codes, names = np.arange(segments, dtype=np.int64), [f"s{number}" for number in range(segments)]
    history.restore([[1.0] * segments, {"site": codes.tolist()}, {"site": names}])
    history.trim()
    once = history.snapshot()
    history.trim()
    assert history.snapshot() == once
    assert once[2] == {"site": names}


def test_a_profile_is_the_same_when_it_is_opened():
    core = make_detection()
    reference = core.knowledge.references("model-0")["1.0.0"]
    opened = reference.profile.opened()
    assert KeptProfile.of(opened).opened() == opened


def test_equal_parts_of_specs_are_held_once_and_specs_stay_what_they_are():
    core = make_detection(2)
    one, other = (core.knowledge.spec(f"model-{number}", 1) for number in range(2))
    assert one.features is other.features
    assert one.training is other.training
    assert other == one.model_copy(update={"model_id": "model-1"})


@pytest.mark.slow
def test_a_small_model_keeps_little():
    make_detection().process([make_frame(0, rows=500)], START)
    frames = [make_frame(0, f"model-{number}", rows=500) for number in range(MODELS)]
    gc.collect()
    tracemalloc.start()
    core = make_detection(MODELS)
    for frame in frames:
        core.process([frame], START)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / MODELS / 1000 < MOST_KB
