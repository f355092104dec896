"""A record's key is its prediction id, and its partition the key's: all records of the id are in one partition then."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcome_ingestion.core.identity.partition_kernel import key_partitions
from outcome_ingestion.core.identity.text_hashes import text_parts


def wrong_keys(keys: Sequence[bytes | None], ids: pa.StringArray) -> list[int]:
    """Rows whose record's key is missing or is not the prediction id."""
    offsets, data = text_parts(ids)
    try:
        sizes = np.fromiter(map(len, keys), np.int32, count=len(keys))  # type: ignore[arg-type]
        together = b"".join(keys)  # type: ignore[arg-type]
    except TypeError:
        pass  # a key is missing: looked at one by one below
    else:
        if np.array_equal(sizes, np.diff(offsets)) and together == data[offsets[0] : offsets[-1]].tobytes():
            return []
    own = [prediction_id.encode() for prediction_id in ids.to_pylist()]
    return [row for row, (key, name) in enumerate(zip(keys, own, strict=True)) if key != name]


def partitions_of(ids: pa.StringArray | pa.BinaryArray, count: int) -> NDArray[np.int64]:
    """The partition that each key belongs to, of `count`.

    >>> partitions_of(pa.array(["21", "foobar"]), 12).tolist()
    [0, 6]
    """
    offsets, data = text_parts(ids)
    found = np.empty(len(ids), dtype=np.int64)
    key_partitions(data, offsets, count, found)
    return found
