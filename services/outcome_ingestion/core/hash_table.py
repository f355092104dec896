"""A table from hashes to ordinals that is asked, and written, for whole batches by a few numpy calls."""

import numpy as np
from numpy.typing import NDArray

from outcome_ingestion.core.blocks import Ints
from outcome_ingestion.core.text_hashes import Hashes

NOWHERE = -1
_PAGE_SLOTS = 4096 // 8


class HashTable:
    """Open addressing with linear probing; `slots` is a power of 2 and never changes. Hashes are not 0.

    >>> table = HashTable(8)
    >>> table.place(np.array([3, 11], dtype=np.uint64), np.array([0, 1]))
    >>> table.probe(np.array([11, 4], dtype=np.uint64)).tolist()
    [1, -1]
    """

    def __init__(self, slots: int) -> None:
        self._hashes = np.zeros(slots, dtype=np.uint64)
        self._ordinals = np.empty(slots, dtype=np.int64)
        self._mask = np.uint64(slots - 1)
        self._ready = 0
        self.used = 0

    def __len__(self) -> int:
        return len(self._hashes)

    def has_room(self, more: int) -> bool:
        """Whether half of it stays empty with so many more: fuller tables probe long."""
        return 2 * (self.used + more) <= len(self._hashes)

    def make_ready(self, slots: int) -> None:
        """Have the system give the memory of the next so many slots now: on the first write to them it would.

        Why: the first batch would otherwise touch every page of a table of 100 MB, which takes a quarter of a second.
        """
        part = slice(self._ready, self._ready + slots, _PAGE_SLOTS)
        self._hashes[part] = self._ordinals[part] = 0
        self._ready += slots

    def probe(self, hashes: Hashes) -> Ints:
        """The ordinal of each hash, NOWHERE where it is not there."""
        return self._walk(hashes)[0]

    def _walk(self, hashes: Hashes) -> tuple[Ints, NDArray[np.uint64]]:
        """(Ordinals, slots): for each hash where it is, or the empty slot at which the search for it ended."""
        ordinals, ends = np.full(len(hashes), NOWHERE, dtype=np.int64), hashes & self._mask
        rows, slots, wanted = np.arange(len(hashes)), ends, hashes
        while len(rows):
            there = self._hashes[slots]
            found = there == wanted
            ordinals[rows[found]] = self._ordinals[slots[found]]
            on = ~found & (there != 0)
            rows, slots, wanted = rows[on], (slots[on] + np.uint64(1)) & self._mask, wanted[on]
            ends[rows] = slots
        return ordinals, ends

    def place(self, hashes: Hashes, ordinals: Ints) -> None:
        """Write hashes that differ and are not there."""
        self.used += len(hashes)
        slots = hashes & self._mask
        while len(hashes):
            free = self._hashes[slots] == 0
            self._hashes[slots[free]] = hashes[free]  # of several that want a slot, one gets it
            got = free & (self._hashes[slots] == hashes)
            self._ordinals[slots[got]] = ordinals[got]
            hashes, ordinals, slots = hashes[~got], ordinals[~got], (slots[~got] + np.uint64(1)) & self._mask

    def replace(self, hashes: Hashes, ordinals: Ints) -> None:
        """Give hashes that are there other ordinals."""
        self._ordinals[self._walk(hashes)[1]] = ordinals

    def part(self, start: int, stop: int) -> tuple[Hashes, Ints]:
        """Hashes and ordinals in the slots from `start` to `stop`."""
        taken = start + np.flatnonzero(self._hashes[start:stop])
        return self._hashes[taken], self._ordinals[taken]
