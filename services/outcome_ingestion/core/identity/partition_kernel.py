"""The compiled loop that says which partition a key belongs to: murmur2, as Java's clients and our producers count it.

Why here too, beside `driftloop.kafka.clients.partitioner`: that one takes 3 µs a key, and a batch has twenty thousand.
A test holds the two equal.
"""

import numpy as np
from numba import types
from numpy.typing import NDArray

from outcome_ingestion.core.decode.fast.compiled import BYTES, compiled

_MASK, _M, _SEED = np.uint64(0xFFFFFFFF), np.uint64(0x5BD1E995), np.uint64(0x9747B28C)
_POSITIVE = np.uint64(0x7FFFFFFF)
_24, _13, _15 = np.uint64(24), np.uint64(13), np.uint64(15)
_INTS, _OFFSETS = types.Array(types.int64, 1, "C"), types.Array(types.int32, 1, "C", readonly=True)


@compiled(types.void(BYTES, _OFFSETS, types.int64, _INTS))
def key_partitions(data: NDArray[np.uint8], offsets: NDArray[np.int32], count: int, found: NDArray[np.int64]) -> None:
    """The partition of each key in a topic that has `count`; the keys are laid end to end in `data`."""
    for i in range(len(found)):
        at, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        value = (_SEED ^ np.uint64(end - at)) & _MASK
        while end - at >= 4:
            word = np.uint64(data[at]) | np.uint64(data[at + 1]) << np.uint64(8)
            word |= np.uint64(data[at + 2]) << np.uint64(16) | np.uint64(data[at + 3]) << _24
            word = word * _M & _MASK
            word = (word ^ (word >> _24)) * _M & _MASK
            value = (value * _M & _MASK) ^ word
            at += 4
        if at < end:
            rest = np.uint64(0)
            for k in range(end - at):
                rest |= np.uint64(data[at + k]) << np.uint64(8 * k)
            value = (value ^ rest) * _M & _MASK
        value = (value ^ (value >> _13)) * _M & _MASK
        value = value ^ (value >> _15)
        found[i] = np.int64((value & _POSITIVE) % np.uint64(count))
