"""A table from hashes to ordinals that is asked, and written, for whole batches."""

import numpy as np

from outcome_ingestion.core.frames.blocks import Ints
from outcome_ingestion.core.identity.id_kernel import Hashes, find_hashes, put_hashes, remove_hashes

NOWHERE = -1
_PAGE_SLOTS = 4096 // 8


class HashTable:
    """Open addressing with linear probing; `slots` is a power of 2 and never changes. Hashes are not 0.

    >>> table = HashTable(8)
    >>> table.put(np.array([3, 11], dtype=np.uint64), np.array([0, 1]))
    >>> table.probe(np.array([11, 4], dtype=np.uint64)).tolist()
    [1, -1]
    """

    def __init__(self, slots: int) -> None:
        self._hashes = np.zeros(slots, dtype=np.uint64)
        self._ordinals = np.empty(slots, dtype=np.int64)
        self._ready = 0
        self.used = 0

    def __len__(self) -> int:
        return len(self._hashes)

    def has_room(self, more: int) -> bool:
        """Whether three eighths of it stay empty with so many more: fuller tables probe long."""
        return 8 * (self.used + more) <= 5 * len(self._hashes)

    def make_ready(self, slots: int) -> None:
        """Have the system give the memory of the next so many slots now: on the first write to them it would.

        Why: the first batch would otherwise touch every page of a table of 100 MB, which takes a quarter of a second.
        """
        part = slice(self._ready, self._ready + slots, _PAGE_SLOTS)
        self._hashes[part] = self._ordinals[part] = 0
        self._ready += slots

    def probe(self, hashes: Hashes) -> Ints:
        """The ordinal of each hash, NOWHERE where it is not there."""
        ordinals = np.empty(len(hashes), dtype=np.int64)
        find_hashes(self._hashes, self._ordinals, hashes, ordinals)
        return ordinals

    def put(self, hashes: Hashes, ordinals: Ints) -> None:
        """Write hashes; one that is there has the new ordinal from now on."""
        self.used += put_hashes(self._hashes, self._ordinals, hashes, np.ascontiguousarray(ordinals))

    def remove(self, hashes: Hashes, ordinals: Ints) -> None:
        """Take out the hashes that have these ordinals; the others stay."""
        self.used -= remove_hashes(self._hashes, self._ordinals, hashes, np.ascontiguousarray(ordinals))

    def part(self, start: int, stop: int) -> tuple[Hashes, Ints]:
        """Hashes and ordinals in the slots from `start` to `stop`."""
        taken = start + np.flatnonzero(self._hashes[start:stop])
        return self._hashes[taken], self._ordinals[taken]
