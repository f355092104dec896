"""Frames, state entries and rows that would be too large for the broker."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wild.ingest_bench import CHURN, ENCODINGS, at, bench, label, row

from driftloop.codec.frames import encode_frame

_KB = 1024
WIDE = CHURN | {"features": {f"f{n}": {} for n in range(400)}}


def _wide(number, **fields):
    return row(number, features={f"f{n}": number + n / 7 for n in range(400)}, prediction=1, **fields)


@pytest.mark.wild(area="ingestion", given="400 features, all labels of a night at once", right="frames under the limit")
def test_no_frame_and_no_state_entry_of_a_wide_model_is_over_the_limit():
    most = 300 * _KB
    out = bench(WIDE, frame_bytes=most).feed(ENCODINGS["arrow"]([_wide(n) for n in range(600)]))
    out.feed([label(n, 1, 900) for n in range(600)])
    assert max(len(encode_frame(frame)[0]) for frame in out.frames) <= most
    assert max(map(len, out.state.values())) <= most
    assert [p for p, e in out.events() if e == "label"] == [f"p{n}" for n in range(600)]
    again = out.restarted().feed([label(n, 0, 950) for n in range(600)])
    assert [p for p, e in again.events() if e == "correction"] == [f"p{n}" for n in range(600)]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 30_000), min_size=1, max_size=30), st.integers(70, 200), st.integers(2, 9))
def test_however_long_the_texts_are_every_frame_fits_and_every_row_goes_out_or_is_buried(sizes, kilobytes, rows):
    spec, most = CHURN | {"features": {"x": {"kind": "category"}}}, kilobytes * _KB
    given_rows = [row(n, prediction=1, features={"x": "u" * size}) for n, size in enumerate(sizes)]
    out = bench(spec, frame_bytes=most, frame_rows=rows).feed(ENCODINGS["json"](given_rows))
    assert not out.dead
    assert [one["prediction_id"] for one in out.rows()] == [f"p{n}" for n in range(len(sizes))]
    assert all(len(frame.batch) <= rows and len(encode_frame(frame)[0]) <= most for frame in out.frames)
    assert all(len(value) <= most for value in out.state.values())


@pytest.mark.wild(
    area="ingestion", given="one row larger than a frame may be", right="buried with its size, its neighbours go on"
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_row_that_is_too_large_by_itself_is_buried(encoding):
    spec = CHURN | {"features": {"x": {"kind": "category"}}}
    made = [row(n, prediction=1, features={"x": "u" * (90_000 if n == 1 else 9)}) for n in range(3)]
    out = bench(spec, frame_bytes=64 * _KB).feed(ENCODINGS[encoding](made))
    assert [one["prediction_id"] for one in out.rows()] == ["p0", "p2"]
    assert [d.error_class for d in out.dead] == ["RowTooLarge"]
    assert "the limit is 65,536 (frame_bytes)" in out.dead[0].message


@pytest.mark.wild(
    area="ingestion", given="thousands of labels with long ids that wait", right="state entries under the limit"
)
def test_labels_that_wait_are_written_down_in_parts():
    out = bench(frame_bytes=64 * _KB)
    ids = [f"{n:0200}" for n in range(900)]
    out.feed([label(n, 1, 60, prediction_id=one) for n, one in enumerate(ids)])
    assert out.core.labels_waiting == 900
    assert max(map(len, out.state.values())) <= 64 * _KB
    again = out.restarted()
    again.feed(ENCODINGS["json"]([row(0, prediction_id=one, prediction=1) for one in ids]))
    assert {e for _, e in again.events()} == {"outcome"}
    assert max(map(len, out.state.values())) <= 64 * _KB
    assert not [key for key in again.state if key.startswith("early")]


@pytest.mark.parametrize("remembered", [5, 10_000])
def test_labels_that_meet_their_rows_are_written_down_in_parts(remembered):
    out = bench(frame_bytes=64 * _KB, remembered_rows=remembered, correctable_rows=2)
    ids = [f"{n:0200}" for n in range(900)]
    out.feed(ENCODINGS["json"]([row(0, prediction_id=one, prediction=1) for one in ids]))
    out.feed([label(n, 1, 60, prediction_id=one) for n, one in enumerate(ids[10:])])
    assert max(map(len, out.state.values())) <= 64 * _KB
    assert (out.core.rows_waiting, out.restarted().core.rows_waiting) == (10, 10)


@pytest.mark.wild(
    area="ingestion", given="numbers beyond float32's range", right="the same doubles in the frame, to the last bit"
)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [1.7976931348623157e308, -1e39, 3.5e38, 5e-324, 0.1])
def test_a_finite_double_is_kept_to_the_last_bit_whatever_its_size(encoding, value):
    out = bench().feed(ENCODINGS[encoding]([row(0, prediction=1, features={"x": value}, label=1, labelled_at=at(9))]))
    assert [one["feature.x"] for one in out.rows()] == [value]
