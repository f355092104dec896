"""Arrow IPC streams of one record batch: what frames, Arrow records and state entries are."""

import pyarrow as pa

from driftloop.contracts.outcome_fields import Kind

COLUMN_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "choice": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "moment": pa.timestamp("us", tz="UTC"),
}
"""The type of a plain field's column, in frames, in Arrow records and in the archive."""

_PREFIX, _END = 8, b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""Bytes before the metadata of a message, a mark and a size; and the end of a stream."""


def encode_batch(batch: pa.RecordBatch) -> bytes:
    """The batch as an IPC stream; its schema's metadata goes with it.

    >>> with pa.ipc.open_stream(encode_batch(pa.record_batch({"x": [1, 2]}))) as reader:
    ...     reader.read_next_batch().to_pydict()
    {'x': [1, 2]}
    """
    if any("dictionary<" in str(kind) for kind in batch.schema.types):  # these are messages of their own
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue().to_pybytes())
    return b"".join((batch.schema.serialize(), batch.serialize(), _END))


def schema_bytes(value: bytes) -> bytes:
    """How a stream begins: with the message that has its schema."""
    return value[: _PREFIX + int.from_bytes(value[4:_PREFIX], "little")]


def only_batch(value: bytes, schema: pa.Schema) -> pa.RecordBatch | None:
    """The rows of a stream of one batch behind its schema, which is known; None where anything else is there.

    They are not proven sound. Raises what pyarrow raises on a damaged stream.
    """
    start = len(schema_bytes(value))
    try:
        message = pa.ipc.read_message(pa.py_buffer(value)[start:])
    except EOFError:  # the stream ends there, as today's writers or earlier ones end it
        return None
    end = start + _PREFIX + message.metadata.size + message.body.size
    if message.type != "record batch" or value[end:] not in (_END, b""):
        return None
    return pa.ipc.read_record_batch(message, schema)
