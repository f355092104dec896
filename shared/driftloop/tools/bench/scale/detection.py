"""Detection by rows of a frame, columns, segments, versions in traffic, models of a process, and at a restart."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa

from drift_detection.core.processor import DriftDetection
from driftloop.codec.frames import Frame, decode_frame, encode_frame
from driftloop.contracts.topics import OUTCOME_FRAMES
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.scale.axis import GROUPS, Axis, Step, Work
from driftloop.tools.bench.watched import FRAME_ROWS, START, declare, make_detection, make_frame, renamed

_WARM, _FRAMES, _FRAME_ROWS = 3, 12, 1_000
_SAMPLE, _SAMPLED_ROWS = 60, 500
"""Of a fleet: models that see one more frame, and the rows of a frame."""


def _warm_up() -> None:
    """Compiled loops are loaded with the first frame that they are for."""
    make_detection().process([make_frame(0)], START)


def _taken(core: DriftDetection, records: Sequence[FakeRecord]) -> Work:
    """The first frames warm up, each of the others is a step."""
    steps: list[Step] = [partial(core.process, [record], START, tables_current=True) for record in records[_WARM:]]
    return Work(steps, lambda: [core.process([record], START, tables_current=True) for record in records[:_WARM]])


def _by_rows(rows: int) -> Work:
    frames = _WARM + max(_FRAMES, min(120, 12_000 // rows))
    return _taken(make_detection(), [make_frame(place, rows=rows) for place in range(frames)])


def _by_columns(columns: int) -> Work:
    frames = [make_frame(place, features=columns, rows=_FRAME_ROWS) for place in range(_WARM + _FRAMES)]
    return _taken(make_detection(features=columns), frames)


def _by_segments(segments: int) -> Work:
    frames = [make_frame(place, sites=segments, rows=FRAME_ROWS) for place in range(_WARM + _FRAMES)]
    return _taken(make_detection(), frames)


def _by_versions(versions: int) -> Work:
    frames = [_of_versions(make_frame(place, rows=FRAME_ROWS), versions) for place in range(_WARM + _FRAMES)]
    return _taken(make_detection(), frames)


def _of_versions(record: FakeRecord, versions: int) -> FakeRecord:
    """The same rows: half of them of the version with the profile, the others of so many in turn."""
    frame = decode_frame(record.value() or b"", record.headers() or [])
    rows = frame.batch.num_rows
    named = ["1.0.0" if row % 2 else f"1.0.{row // 2 % versions}" for row in range(rows)]
    place = frame.batch.schema.get_field_index("model_version")
    batch = frame.batch.set_column(place, "model_version", pa.array(named))
    value, headers = encode_frame(Frame(frame.header, batch))
    return FakeRecord(OUTCOME_FRAMES, key=record.key(), value=value, headers=headers, at_offset=record.offset())


def _by_models(models: int) -> Work:
    """A fleet as it is after a restart: each model has seen a frame, and some of them see the next one."""
    step = max(models // _SAMPLE, 1)
    frames = [make_frame(1, f"model-{number}", rows=_SAMPLED_ROWS) for number in range(0, models, step)]
    core, state = make_detection(0), _state_of_one()
    return Work(
        [partial(core.process, [frame], START, tables_current=True) for frame in frames],
        lambda: _restart(core, state, models),
    )


def _by_models_restored(models: int) -> Work:
    state = _state_of_one()
    return Work([lambda: _restart(make_detection(0), state, models)] * GROUPS)


def _restart(core: DriftDetection, state: bytes, models: int) -> DriftDetection:
    """The core with so many models declared and restored."""
    names = [f"model-{number}" for number in range(models)]
    for name in names:
        declare(core, name)
    core.restore(0, ((name, renamed(state, name)) for name in names))
    return core


def _state_of_one() -> bytes:
    """The JSON of the state of `model-0` after its first frame."""
    core = make_detection()
    core.process([make_frame(0, rows=_SAMPLED_ROWS)], START)
    return zlib.decompress(next(iter(core.snapshot(0)))[1])


_ROWS, _SAMPLED = f"a frame of {FRAME_ROWS:,} rows", f"a frame of {_SAMPLED_ROWS} rows"

AXES = tuple(
    replace(axis, warm_up=_warm_up)
    for axis in (
        Axis("detection, rows of a frame", "a frame", (50, 150, 500, 1_500, 5_000), _by_rows, (50, 100, 200)),
        Axis("detection, columns", f"a frame of {_FRAME_ROWS:,} rows", (4, 12, 40, 120, 400), _by_columns, (2, 4, 8)),
        Axis("detection, segments", _ROWS, (1, 3, 10, 30, 100), _by_segments, (1, 2, 4)),
        Axis("detection, versions in traffic", _ROWS, (1, 3, 10, 30, 100), _by_versions, (1, 2, 4), 0),
        Axis("detection, models in one process", _SAMPLED, (100, 500, 2_000, 10_000), _by_models, (5, 10, 20), 0),
        Axis(
            "detection, models at a restart", "the restart", (10, 30, 100, 300, 1_000), _by_models_restored, (2, 4, 8)
        ),
    )
)
