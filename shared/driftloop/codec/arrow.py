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


def encode_batch(batch: pa.RecordBatch) -> bytes:
    """The batch as an IPC stream; its schema's metadata goes with it.

    >>> with pa.ipc.open_stream(encode_batch(pa.record_batch({"x": [1, 2]}))) as reader:
    ...     reader.read_next_batch().to_pydict()
    {'x': [1, 2]}
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())
