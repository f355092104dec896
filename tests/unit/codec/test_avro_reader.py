"""The quick reader reads what fastavro reads, and refuses what is damaged."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.codec.avro_reader import Numbers, RecordReader

NUMBER_MAP = {"type": "map", "values": ["null", "double", "string"]}
FIELDS = {
    "name": "string",
    "features": NUMBER_MAP,
    "answer": ["null", "boolean", "long", "double", "string", {"type": "map", "values": ["boolean", "long", "double"]}],
    "at": ["null", "long"],
    "source": "string",
    "extra": {"type": "map", "values": "string"},
}
SCHEMA = {"type": "record", "name": "R", "fields": [{"name": n, "type": t} for n, t in FIELDS.items()]}
PARSED = fastavro.parse_schema(json.loads(json.dumps(SCHEMA)))

FINITE = st.floats(allow_nan=False)
LONG = st.integers(-(2**63), 2**63 - 1)
VALUES = st.fixed_dictionaries(
    {
        "name": st.text(max_size=100),
        "features": st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(FINITE, FINITE, st.none(), st.text())),
        "answer": st.one_of(
            st.none(), st.booleans(), LONG, FINITE, st.text(), st.dictionaries(st.sampled_from("xy"), st.booleans())
        ),
        "at": st.one_of(st.none(), LONG),
        "source": st.sampled_from(["user", "system"]),
        "extra": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    }
)


def written(value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED, value)
    return out.getvalue()


def plain(value: Any) -> Any:
    return dict(zip(value.names, value.values, strict=True)) if isinstance(value, Numbers) else value


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_it_reads_what_fastavro_reads_whatever_it_read_before(values):
    reader = RecordReader(SCHEMA, "source")
    for value in values * 2:
        fields = dict(zip(reader.names, map(plain, reader.read(written(value))), strict=True))
        assert fields == fastavro.schemaless_reader(io.BytesIO(written(value)), PARSED)


def test_a_map_of_numbers_is_read_in_one_go_the_second_time():
    reader = RecordReader(SCHEMA, "source")
    rows = [
        {"name": "r", "features": {"a": a, "b": -a}, "answer": 1, "at": 5, "source": "user", "extra": {}}
        for a in (1.5, 2.5)
    ]
    first, second = (reader.read(written(row))[1] for row in rows)
    assert first == {"a": 1.5, "b": -1.5}
    assert second == Numbers(("a", "b"), (2.5, -2.5))


@settings(deadline=None)
@given(VALUES, st.binary(max_size=40), st.integers(0, 80))
def test_noise_is_read_or_refused_as_a_value_error(value, noise, kept):
    reader = RecordReader(SCHEMA, "source")
    reader.read(written(value))
    try:
        reader.read(written(value)[:kept] + noise)
    except ValueError:
        return


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_record_that_ends_early_is_refused(cut):
    row = {"name": "r", "features": {"a": 1.0}, "answer": "yes", "at": 5, "source": "user", "extra": {}}
    reader = RecordReader(SCHEMA, "source")
    for _ in range(2):
        assert reader.read(written(row))[0] == "r"
        with pytest.raises(ValueError, match="damaged"):
            reader.read(written(row)[:-cut])


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**68, 2**70])
def test_a_number_that_no_long_holds_is_refused(number):
    """Found by `make fuzz`: ten bytes have room for seventy bits, and Arrow refuses the time that they gave."""
    bits, encoded = (number << 1) if number >= 0 else ((-number << 1) - 1), bytearray()
    while bits >= 0x80:
        encoded.append(bits & 0x7F | 0x80)
        bits >>= 7
    reader = RecordReader({"type": "record", "name": "R", "fields": [{"name": "at", "type": "long"}]}, "at")
    with pytest.raises(ValueError, match="more than 64 bits"):
        reader.read(bytes([*encoded, bits]))


def test_bytes_behind_the_record_are_refused():
    row = {"name": "r", "features": {}, "answer": None, "at": None, "source": "user", "extra": {}}
    reader = RecordReader(SCHEMA, "source")
    with pytest.raises(ValueError, match="1 bytes follow"):
        reader.read(written(row) + b"\0")


def test_what_is_remembered_is_bounded():
    reader = RecordReader(SCHEMA, "source")
    for number in range(1000):
        row = {"name": "r", "features": {f"f{number}": 1.0}, "answer": None, "at": None, "source": str(number)}
        reader.read(written(row | {"extra": {}}))
    assert len(reader._endings) <= 64


def test_a_schema_with_a_type_that_has_no_reader_is_refused():
    with pytest.raises(TypeError, match="fixed"):
        RecordReader({"fields": [{"name": "a", "type": {"type": "fixed", "size": 3}}]})
