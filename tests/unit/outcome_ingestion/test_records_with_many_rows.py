import json
import struct

import pyarrow as pa
import pytest

from driftloop.codec.arrow import encode_batch, schema_bytes
from driftloop.codec.content_types import ARROW, COLUMNS

MOMENT = pa.timestamp("us", tz="UTC")
GOOD_TIME = "2026-01-05T08:00:00Z"


def columns(rows=3, **changes):
    whole = {
        "model_id": "plant",
        "model_version": "1.0.0",
        "prediction_id": [f"p{n}" for n in range(rows)],
        "predicted_at": ["2026-01-05T08:00:00Z"] * rows,
        "features": {"speed": [1.0 + n for n in range(rows)], "rate": [2] * rows},
        "prediction": [1.5] * rows,
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def arrow(rows=3, metadata=None, **changes):
    whole = {
        "prediction_id": pa.array([f"p{n}" for n in range(rows)]),
        "model_version": pa.array(["1.0.0"] * rows),
        "predicted_at": pa.array(["2026-01-05T08:00:00Z"] * rows).cast(MOMENT),
        "feature.speed": pa.array([1.0 + n for n in range(rows)]),
        "feature.rate": pa.array([2] * rows),
        "prediction.d50": pa.array([1.5] * rows),
    }
    whole = {name: value for name, value in (whole | changes).items() if value is not ...}
    schema = pa.schema([(n, c.type) for n, c in whole.items()], metadata=metadata or {"model_id": "plant"})
    return encode_batch(pa.record_batch(list(whole.values()), schema=schema))


@pytest.fixture
def send(make):
    def record(content, key="p0"):
        if isinstance(content, bytes):
            return make.raw(content, key, kind=ARROW)
        return make.raw(json.dumps(content).encode(), key, kind=COLUMNS)

    return record


@pytest.mark.parametrize("content", [columns(), arrow()], ids=["columns", "arrow"])
def test_all_rows_of_a_record_are_framed_in_order(bench, send, content):
    bench.feed([send(content)])
    assert bench.events() == [("p0", "prediction"), ("p1", "prediction"), ("p2", "prediction")]
    assert [r["feature.speed"] for r in bench.rows()] == [1.0, 2.0, 3.0]
    assert [r["feature.energy"] for r in bench.rows()] == pytest.approx([0.002, 0.004, 0.006])
    assert {r["model_version"] for r in bench.rows()} == {"1.0.0"}


def test_every_encoding_gives_the_same_rows(fresh_bench, make, row):
    made = []
    rows = [row(n, predicted_at="2026-01-05T08:00:00Z", features={"speed": 1.0 + n, "rate": 2}) for n in range(3)]
    for records in (
        [make.outcome(one) for one in rows],
        [make.raw(json.dumps(columns()).encode(), "p0", kind=COLUMNS)],
        [make.raw(arrow(), "p0", kind=ARROW)],
    ):
        bench, _ = fresh_bench()
        bench.feed(records)
        made.append(bench.rows())
    assert made[0] == made[1] == made[2]


def test_records_of_all_encodings_stand_in_one_frame_in_the_order_of_arrival(bench, make, send, row):
    later = columns(2, prediction_id=["p10", "p11"])
    bench.feed([send(later, "p10"), make.outcome(row(20)), send(arrow()), make.outcome(row(21))])
    assert [p for p, _ in bench.events()] == ["p10", "p11", "p20", "p0", "p1", "p2", "p21"]
    assert len(bench.frames) == 1


@pytest.mark.parametrize(
    ("content", "error_class"),
    [
        (columns(features={"speed": [1.0, "fast", 3.0]}), "WrongType"),
        (columns(predicted_at=[GOOD_TIME, "1970-01-01T00:00:00Z", GOOD_TIME]), "TimeOutOfRange"),
        (columns(predicted_at=[GOOD_TIME, "noon", GOOD_TIME]), "BadTime"),
        (columns(model_version=["1.0.0", "v 2", "1.0.0"]), "BadVersion"),
        (columns(prediction=[1.0, None, 1.0]), "HalfPrediction"),
        (columns(features={"speed": [1.0, True, 2.0]}), "WrongType"),
        (arrow(**{"feature.speed": pa.array([1.0, float("nan"), 2.0])}), "NotFinite"),
        (arrow(**{"feature.speed": pa.array([1.0, float("inf"), 2.0])}), "NotFinite"),
        (arrow(prediction_id=pa.array(["p0", None, "p2"])), "BadId"),
        (arrow(prediction_id=pa.array(["p0", "x" * 201, "p2"])), "BadId"),
        (arrow(label_source=pa.array(["user", "guess", "user"])), "OutOfRange"),
        (arrow(confidence=pa.array([0.5, 1.5, None])), "OutOfRange"),
        (arrow(predicted_at=pa.array([1767600000000000, None, 1767600000000000], MOMENT)), "MissingField"),
    ],
)  # fmt: skip
def test_a_bad_row_does_not_hold_the_others_back_and_the_record_is_buried(bench, send, content, error_class):
    record = send(content)
    bench.feed([record])
    assert [p for p, _ in bench.events()] == ["p0", "p2"]
    assert [(d.record, d.error_class) for d in bench.dead] == [(record, error_class)]
    assert bench.dead[0].message.startswith("row 1: ")
    again = bench.feed([record])
    assert not again.outgoing, "playing it again is safe"


@pytest.mark.parametrize(
    ("content", "error_class"),
    [
        (columns(predicted_at=["2026-01-05T08:00:00Z"]), "BadColumns"),
        (columns(features={"speed": [1.0]}), "BadColumns"),
        (columns(0), "BadColumns"),
        (columns(model_id="nobody"), "UnknownModel"),
        (columns(prediction={"d90": [1.0, 1.0, 1.0]}), "MissingField"),
        (columns(features=...), "Undecodable"),
        (columns(tokens=[1, -1, 1]), "Undecodable"),
        (columns(shadow={"v 2": [1.0, 1.0, 1.0]}), "BadVersion"),
        (arrow(metadata={"model": "plant"}), "MissingField"),
        (arrow(metadata={"model_id": "nobody"}), "UnknownModel"),
        (arrow(metadata={"model_id": b"\xff"}), "UnknownModel"),
        (arrow(0), "BadColumns"),
        (arrow(predicted_at=...), "MissingField"),
        (arrow(prediction_id=...), "MissingField"),
        (arrow(predicted_at=pa.array([1, 2, 3])), "WrongType"),
        (arrow(predicted_at=pa.array([1, 2, 3], pa.timestamp("us"))), "TimeOutOfRange"),
        (arrow(**{"feature.speed": pa.array([[1.0], [2.0], [3.0]])}), "WrongType"),
        (arrow(model_version=pa.array([1, 2, 3])), "WrongType"),
        (arrow()[:-40], "Undecodable"),
        (arrow()[: len(arrow()) // 2], "Undecodable"),
        (b"", "Undecodable"),
        (bytes(64), "Undecodable"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f", "Undecodable"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_buried_whole_and_its_neighbours_go_on(bench, send, content, error_class):
    bad, good = send(content), send(columns(2, prediction_id=["p7", "p8"]), "p7")
    also_good = send(arrow(1, prediction_id=pa.array(["p9"])), "p9")
    bench.feed([bad, good, also_good])
    assert [(d.record, d.error_class) for d in bench.dead] == [(bad, error_class)]
    assert [p for p, _ in bench.events()] == ["p7", "p8", "p9"]


def test_an_arrow_batch_with_a_lying_length_is_buried(bench, send):
    sound = bytearray(arrow(50))
    found = 0
    for at in range(len(sound)):
        if sound[at : at + 8] == (50).to_bytes(8, "little"):
            lying = bytes(sound[:at] + (5_000_000).to_bytes(8, "little") + sound[at + 8 :])
            bench.feed([send(lying)])
            found += 1
    assert found
    assert {d.error_class for d in bench.dead} <= {"Undecodable", "BadColumns"}
    assert len(bench.dead) >= 1


def test_a_record_without_a_key_or_a_value_is_buried(bench, make):
    bench.feed([make.raw(arrow(), None, kind=ARROW), make.raw(None, "p0", kind=COLUMNS)])
    assert [d.error_class for d in bench.dead] == ["MissingKey", "NullValue"]


def test_arrow_takes_other_widths_dictionaries_and_time_units(bench, send):
    content = arrow(**{
        "feature.speed": pa.array([1, 2, 3], pa.int16()),
        "feature.rate": pa.array([1, 2, None], pa.float32()),
        "model_version": pa.array(["1.0.0"] * 3).dictionary_encode(),
        "predicted_at": pa.array([1767600000000] * 3, pa.timestamp("ms", tz="Europe/Berlin")),
        "more": pa.array([1, 2, 3]),
    })  # fmt: skip
    bench.feed([send(content)])
    assert not bench.dead
    assert [r["feature.rate"] for r in bench.rows()] == [1.0, 2.0, None]


@pytest.mark.parametrize("name", [b"UTC", b"model_version", b"plant"])
def test_an_arrow_schema_with_names_that_are_no_text_is_buried_alone(bench, send, name):
    sound = arrow()
    assert name in sound
    bad = send(sound.replace(name, b"\xd4" * len(name)))
    bench.feed([bad, send(arrow(1, prediction_id=pa.array(["p9"])), "p9")])
    assert [d.record for d in bench.dead] == [bad]
    assert [p for p, _ in bench.events()] == ["p9"]


@pytest.mark.parametrize(
    ("behind", "rows"),
    [(b"\0" * 4, 0), (b"\0" * 8, 0), (b"\xff\xff\xff\xff\0\0\0\0?", 0), (b"\xff" * 8, None), (b"?", None)],
    ids=["earlier end", "two of them", "more behind the end", "no size", "a byte"],
)
def test_a_stream_that_ends_behind_its_schema_is_buried_alone_however_it_ends(bench, send, behind, rows):
    bad = send(schema_bytes(arrow()) + behind, "p5")
    bench.feed([send(arrow(1), "p0"), bad, send(arrow(1, prediction_id=pa.array(["p9"])), "p9")])
    assert [(d.record, d.error_class) for d in bench.dead] == [(bad, "Undecodable" if rows is None else "BadColumns")]
    assert [p for p, _ in bench.events()] == ["p0", "p9"]


def test_a_stream_that_begins_as_the_others_is_looked_at_as_closely_as_the_first(bench, send):
    def own(first, count=2):
        return arrow(count, prediction_id=pa.array([f"p{first + n}" for n in range(count)]))

    lying, cut, empty = bytearray(own(10)), own(20)[:-40], own(30, 0)
    at = lying.index(struct.pack("<3i", 0, 3, 6))
    lying[at : at + 12] = struct.pack("<3i", 0, 90_000, 6)
    twice = own(40) + own(42)
    no_batch = schema_bytes(own(60))
    bad = [send(bytes(lying), "p10"), send(cut, "p20"), send(empty, "p30"), send(no_batch, "p60")]
    alone = []
    for record in bad:
        bench.feed([record])
        alone += [(d.error_class, d.message) for d in bench.dead]
        bench.dead.clear()
    bench.feed([send(own(0)), *bad, send(twice, "p40"), send(own(50), "p50")])
    assert [error_class for error_class, _ in alone] == ["Undecodable", "Undecodable", "BadColumns", "BadColumns"]
    assert sorted((d.error_class, d.message) for d in bench.dead) == sorted(alone)
    assert [p for p, _ in bench.events()] == ["p0", "p1", "p40", "p41", "p50", "p51"]
