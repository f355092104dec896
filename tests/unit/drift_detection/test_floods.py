"""A producer that makes up a new value for every row harms nobody: not the memory, not the models beside it."""

import time
from collections.abc import Callable, Mapping

import pyarrow as pa
import pytest

from drift_detection.core.processor import DriftDetection
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, SEGMENT, Frame, decode_frame, encode_frame
from driftloop.processor import Record
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.watched import FRAME_ROWS, START, make_detection, make_frame

MADE_UP: Mapping[str, tuple[str, ...]] = {
    "versions": ("model_version",),
    "segments": (f"{SEGMENT}site",),
    "classes": (f"{PREDICTION}ok", f"{LABEL}ok"),
    "categories": (f"{FEATURE}x0",),
}
FRAMES = 6


def flooded(place: int, columns: tuple[str, ...]) -> FakeRecord:
    """A frame in which these columns have another value in every row, never seen before."""
    record = make_frame(place)
    frame = decode_frame(record.value(), record.headers())
    arrays = dict(zip(frame.batch.schema.names, frame.batch.columns, strict=True))
    values = pa.array([f"made-up-{place * FRAME_ROWS + row}" for row in range(FRAME_ROWS)])
    batch = pa.RecordBatch.from_pydict(arrays | dict.fromkeys(columns, values))
    value, headers = encode_frame(Frame(frame.header, batch))
    return FakeRecord(record.topic(), key=record.key(), value=value, headers=headers, at_offset=place)


def played(make: Callable[[int], Record]) -> tuple[DriftDetection, float]:
    """A core after some frames, and the CPU seconds of the quickest of the later ones."""
    core, quickest = make_detection(), float("inf")
    for place in range(FRAMES):
        record, begun = make(place), time.process_time()
        core.process([record], START, tables_current=True)
        if place > 1:
            quickest = min(quickest, time.process_time() - begun)
    return core, quickest


def state_bytes(core: DriftDetection) -> int:
    return sum(len(state) for _, state in core.snapshot(0))


@pytest.fixture(scope="module")
def usual() -> tuple[int, float]:
    core, seconds = played(make_frame)
    return state_bytes(core), seconds


@pytest.mark.parametrize("kind", sorted(MADE_UP))
def test_a_flood_of_made_up_values_costs_little_more_than_other_rows(kind: str, usual: tuple[int, float]):
    core, seconds = played(lambda place: flooded(place, MADE_UP[kind]))
    usual_bytes, usual_seconds = usual
    assert state_bytes(core) < 1.5 * usual_bytes + 100_000
    assert seconds < 12 * usual_seconds, "a frame of it holds up the models beside it"
