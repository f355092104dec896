"""The compiled loops of de-duplication: hashes of texts, and a table of them with open addressing."""

import numpy as np
from numba import types
from numpy.typing import NDArray

from outcome_ingestion.core.decode.fast.compiled import BYTES, compiled, part

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]

_SEED, _FACTOR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)
_LAST, _SHIFT = np.uint64(0xC4CEB9FE1A85EC53), np.uint64(32)
_ONE, _EMPTY = np.uint64(1), np.uint64(0)
_HASHES, _INTS = types.Array(types.uint64, 1, "C"), types.Array(types.int64, 1, "C")
_GIVEN_HASHES, _GIVEN_INTS = (types.Array(kind, 1, "C", readonly=True) for kind in (types.uint64, types.int64))
_OFFSETS = types.Array(types.int32, 1, "C", readonly=True)


@compiled(types.void(BYTES, _OFFSETS, _HASHES))
def hash_texts(data: NDArray[np.uint8], offsets: NDArray[np.int32], hashes: Hashes) -> None:
    """A hash of each text, never 0: eight bytes at a time, mixed as MurmurHash3 ends."""
    for i in range(len(hashes)):
        at, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        mixed = _SEED ^ np.uint64(end - at)
        while at < end:
            word = np.uint64(0)
            size = end - at if end - at < 8 else 8
            for k in range(size):
                word |= np.uint64(data[at + k]) << np.uint64(8 * k)
            mixed = (mixed ^ word) * _FACTOR
            mixed ^= mixed >> _SHIFT
            at += 8
        mixed *= _LAST
        mixed ^= mixed >> _SHIFT
        hashes[i] = mixed if mixed != _EMPTY else _ONE


@part
def _slot_of(table, wanted):
    """Where a hash is, or the empty slot at which the search for it ends."""
    mask = np.uint64(len(table) - 1)
    slot = wanted & mask
    while table[slot] != wanted and table[slot] != _EMPTY:
        slot = (slot + _ONE) & mask
    return slot


@compiled(types.void(_HASHES, _INTS, _GIVEN_HASHES, _INTS))
def find_hashes(table: Hashes, ordinals: Ints, hashes: Hashes, found: Ints) -> None:
    """The ordinal of each hash, -1 where it is not there."""
    for i in range(len(hashes)):
        slot = _slot_of(table, hashes[i])
        found[i] = ordinals[slot] if table[slot] != _EMPTY else -1


@compiled(types.int64(_HASHES, _INTS, _GIVEN_HASHES, _GIVEN_INTS))
def put_hashes(table: Hashes, ordinals: Ints, hashes: Hashes, given: Ints) -> int:
    """Write hashes with their ordinals; how many of them were not there."""
    new = 0
    for i in range(len(hashes)):
        slot = _slot_of(table, hashes[i])
        new += table[slot] == _EMPTY
        table[slot], ordinals[slot] = hashes[i], given[i]
    return new


@compiled(types.int64(_HASHES, _INTS, _GIVEN_HASHES, _GIVEN_INTS))
def remove_hashes(table: Hashes, ordinals: Ints, hashes: Hashes, given: Ints) -> int:
    """Take out hashes that have these ordinals; how many there were.

    What lies behind is moved up, so that every search still ends at an empty slot (D. Knuth, The Art of Computer
    Programming 3, 6.4, algorithm R).
    """
    mask, removed = np.uint64(len(table) - 1), 0
    for i in range(len(hashes)):
        hole = _slot_of(table, hashes[i])
        if table[hole] == _EMPTY or ordinals[hole] != given[i]:
            continue
        removed += 1
        at = (hole + _ONE) & mask
        while table[at] != _EMPTY:
            if (at - (table[at] & mask)) & mask >= (at - hole) & mask:
                table[hole], ordinals[hole] = table[at], ordinals[at]
                hole = at
            at = (at + _ONE) & mask
        table[hole] = _EMPTY
    return removed


@compiled(types.boolean(_GIVEN_HASHES))
def all_differ(hashes: Hashes) -> bool:
    """Whether no hash comes twice."""
    slots = 16
    while slots < 2 * len(hashes):
        slots *= 2
    table = np.zeros(slots, dtype=np.uint64)
    for i in range(len(hashes)):
        slot = _slot_of(table, hashes[i])
        if table[slot] != _EMPTY:
            return False
        table[slot] = hashes[i]
    return True
