"""Which prediction ids of a model are known, and the ordinal that each was given: a batch at a time.

Why no dictionary: a million ids in one take 200 MB, and a look-up for each row took a quarter of
ingestion's time. Here a table of hashes (open addressing, linear probing, half empty at most) is
asked for a whole batch by a few numpy calls, and the ids stay in the Arrow columns that they came in.
Answers are exact: where a hash is met, the ids themselves are compared, and an id whose hash another
one has taken stands in a dictionary. Ids are forgotten by batches; what a batch that is gone left in
the table is found to be dead when it is met, and swept out when the table is made anew.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcome_ingestion.core.blocks import Ints
from outcome_ingestion.core.text_hashes import Hashes, text_hashes

_SMALLEST = 1 << 10
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Known:
    """Ids of a batch of one model and their ordinals, which ascend."""

    ids: pa.StringArray
    ordinals: Ints

    @property
    def first(self) -> int:
        """The first ordinal."""
        return int(self.ordinals[0])

    @property
    def end(self) -> int:
        """One more than the last ordinal."""
        return int(self.ordinals[-1]) + 1


class IdIndex:
    """The known ids of one model in one partition; batches come in the order of their ordinals."""

    def __init__(self, hashes_of: Callable[[pa.StringArray], Hashes] = text_hashes) -> None:
        self._hashes_of = hashes_of
        self._batches: list[Known] = []
        self._starts: list[int] = []
        self._ranges: tuple[Ints, Ints] | None = None
        self._clashes: dict[str, int] = {}
        self._used = 0
        self._make(_SMALLEST)

    def _make(self, slots: int) -> None:
        self._hashes = np.zeros(slots, dtype=np.uint64)
        self._ordinals = np.empty(slots, dtype=np.int64)
        self._mask = np.uint64(slots - 1)

    # -- asking ----------------------------------------------------------------------------------

    def find(self, ids: pa.StringArray) -> Ints:
        """The newest ordinal of each id; NOWHERE where it is not known."""
        ordinals = self._probe(self._hashes_of(ids))
        met = np.flatnonzero(ordinals >= 0)
        if len(met):
            ordinals[met[~self._are(ordinals[met], ids.take(pa.array(met)))]] = NOWHERE
        if self._clashes:
            for row in np.flatnonzero(ordinals < 0).tolist():
                ordinals[row] = self._clashes.get(ids[row].as_py(), NOWHERE)
        return ordinals

    def all_new(self, ids: pa.StringArray) -> bool:
        """Whether no id is known and none comes twice. May say no where hashes alone agree."""
        hashes = self._hashes_of(ids)
        return not self._clashes and _all_differ(hashes) and bool(np.all(self._probe(hashes) < 0))

    def _probe(self, hashes: Hashes) -> Ints:
        """The ordinal that each hash has in the table."""
        ordinals = np.full(len(hashes), NOWHERE, dtype=np.int64)
        rows, slots, wanted = np.arange(len(hashes)), hashes & self._mask, hashes
        while len(rows):
            there = self._hashes[slots]
            found = there == wanted
            ordinals[rows[found]] = self._ordinals[slots[found]]
            on = ~found & (there != 0)
            rows, slots, wanted = rows[on], (slots[on] + np.uint64(1)) & self._mask, wanted[on]
        return ordinals

    def _are(self, ordinals: Ints, ids: pa.StringArray) -> NDArray[np.bool_]:
        """Whether the rows with these ordinals are still known, and have these ids."""
        same = np.zeros(len(ordinals), dtype=np.bool_)
        places = np.searchsorted(self._first_and_end()[0], ordinals, side="right") - 1
        for place in np.unique(places[places >= 0]).tolist():
            rows, batch = np.flatnonzero(places == place), self._batches[place]
            within = np.searchsorted(batch.ordinals, ordinals[rows])
            inside = within < len(batch.ordinals)
            rows, within = rows[inside], within[inside]
            exact = batch.ordinals[within] == ordinals[rows]
            rows, within = rows[exact], within[exact]
            equal = pc.equal(batch.ids.take(pa.array(within)), ids.take(pa.array(rows)))
            same[rows] = equal.to_numpy(zero_copy_only=False)
        return same

    # -- taking in and letting go --------------------------------------------------------------------

    def add(self, batch: Known) -> None:
        """Ids that came; one that was known has the new ordinal from now on."""
        hashes = self._hashes_of(batch.ids)
        self._make_room(len(hashes))
        self._append(batch)
        if _all_differ(hashes):
            self._insert(hashes, batch)
        else:
            for row in range(len(hashes)):
                part = slice(row, row + 1)
                self._insert(hashes[part], Known(batch.ids.slice(row, 1), batch.ordinals[part]))

    def join_newest(self, count: int, whole: Known) -> None:
        """One batch in place of the newest `count`, whose ids it has."""
        del self._batches[-count:], self._starts[-count:]
        self._append(whole)

    def drop(self, batch: Known) -> None:
        """Forget a batch; ids that came again since stay."""
        place = bisect_left(self._starts, batch.first)
        del self._batches[place], self._starts[place]
        self._ranges = None
        if self._clashes:
            self._clashes = {i: at for i, at in self._clashes.items() if not batch.first <= at < batch.end}

    def _append(self, batch: Known) -> None:
        self._batches.append(batch)
        self._starts.append(batch.first)
        self._ranges = None

    def _first_and_end(self) -> tuple[Ints, Ints]:
        """Of every batch, the first ordinal and one more than the last."""
        if self._ranges is None:
            ends = [batch.end for batch in self._batches]
            self._ranges = np.array(self._starts, dtype=np.int64), np.array(ends, dtype=np.int64)
        return self._ranges

    def _insert(self, hashes: Hashes, batch: Known) -> None:
        """Write hashes that differ; one that is there is another's only where its id is another."""
        rows, slots = np.arange(len(hashes)), hashes & self._mask
        while len(rows):
            wanted, there = hashes[rows], self._hashes[slots]
            if np.any(met := there == wanted):
                mine = self._mine(rows[met], self._ordinals[slots[met]], batch)
                self._ordinals[slots[met][mine]] = batch.ordinals[rows[met][mine]]
            free = there == 0
            self._hashes[slots[free]] = wanted[free]  # of several that want a slot, one gets it
            got = free & (self._hashes[slots] == wanted)
            self._ordinals[slots[got]] = batch.ordinals[rows[got]]
            self._used += int(np.count_nonzero(got))
            on = ~(met | got)
            rows, slots = rows[on], np.where(free[on], slots[on], (slots[on] + np.uint64(1)) & self._mask)

    def _mine(self, rows: Ints, ordinals: Ints, batch: Known) -> NDArray[np.bool_]:
        """Which of the rows may take over a hash that is there; the others clash."""
        ids = batch.ids.take(pa.array(rows))
        alive = self._alive(ordinals)
        mine = ~alive | self._are(ordinals, ids)
        for row in np.flatnonzero(~mine).tolist():
            self._clashes[ids[row].as_py()] = int(batch.ordinals[rows[row]])
        return mine

    def _alive(self, ordinals: Ints) -> NDArray[np.bool_]:
        """Whether the batch of each ordinal is still here."""
        firsts, ends = self._first_and_end()
        places = np.searchsorted(firsts, ordinals, side="right") - 1
        return (places >= 0) & (ordinals < ends[places])

    def _make_room(self, more: int) -> None:
        """Keep half of the table empty: a new one without what is dead, twice as large as it must be."""
        if 2 * (self._used + more) <= len(self._hashes):
            return
        hashes, ordinals = self._hashes, self._ordinals
        taken = np.flatnonzero(hashes)
        taken = taken[self._alive(ordinals[taken])] if self._batches else taken[:0]
        hashes, ordinals = hashes[taken], ordinals[taken]
        slots = len(self._hashes) if not len(taken) else _SMALLEST
        while slots < 4 * (len(taken) + more):
            slots *= 2
        self._make(slots)
        self._used = len(taken)
        self._place(hashes, ordinals)

    def _place(self, hashes: Hashes, ordinals: Ints) -> None:
        """Write hashes that differ into a table that has none of them."""
        slots = hashes & self._mask
        while len(hashes):
            free = self._hashes[slots] == 0
            self._hashes[slots[free]] = hashes[free]
            got = free & (self._hashes[slots] == hashes)
            self._ordinals[slots[got]] = ordinals[got]
            hashes, ordinals, slots = hashes[~got], ordinals[~got], (slots[~got] + np.uint64(1)) & self._mask


def _all_differ(hashes: Hashes) -> bool:
    ordered = np.sort(hashes)
    return bool(np.all(ordered[1:] != ordered[:-1]))
