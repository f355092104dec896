"""Which prediction ids of a model are known, and the ordinal that each was given: a batch at a time.

Why no dictionary: a million ids in one take 200 MB, and a look-up for each row took a quarter of
ingestion's time. Here a table of hashes is asked for a whole batch by one compiled loop, and the ids
stay in the Arrow columns that they came in. Answers are exact: where a hash is met, the ids themselves
are compared, and an id whose hash another one has taken stands in a dictionary. Ids are forgotten by
batches, and their hashes are taken out, so that a table stays as large as what is known needs.

A table that becomes full is left for a new one: made ready before, and filled with what is alive, a part
with each batch that comes. All at once, the service would stand still for most of a second at a million ids.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcome_ingestion.core.frames.blocks import Ints
from outcome_ingestion.core.identity.asked_ids import AskedIds
from outcome_ingestion.core.identity.hash_table import NOWHERE, HashTable
from outcome_ingestion.core.identity.id_kernel import Hashes, all_differ
from outcome_ingestion.core.identity.reuse import stamps_of
from outcome_ingestion.core.identity.text_hashes import text_hashes

_MOVED_A_ROW = 8
_READIED_A_ROW = 64
"""Slots of the table that is being left, and of the one that is to follow, that are dealt with as a row comes."""


@dataclass(frozen=True, slots=True)
class Known:
    """Ids of a batch of one model and their ordinals, which ascend."""

    ids: pa.StringArray
    ordinals: Ints
    stamps: NDArray[np.uint32] | None = None
    """What is kept of the time of each (`reuse.stamps_of`); None in state of earlier versions."""

    @property
    def first(self) -> int:
        """The first ordinal."""
        return int(self.ordinals[0])

    @property
    def end(self) -> int:
        """One more than the last ordinal."""
        return int(self.ordinals[-1]) + 1


class IdIndex:
    """The known ids of one model in one partition; batches come in the order of their ordinals.

    Its table has `slots` at first, and so many at least; one that is small, up to `moved_at_least`, is left at once.
    """

    def __init__(
        self,
        hashes_of: Callable[[pa.StringArray], Hashes] = text_hashes,
        *,
        slots: int = 1 << 10,
        moved_at_least: int = 1 << 14,
    ) -> None:
        self._hashes_of = hashes_of
        self._smallest, self._moved_at_least = slots, moved_at_least
        self._batches: list[Known] = []
        self._starts: list[int] = []
        self._ranges: tuple[Ints, Ints] | None = None
        self._clashes: dict[str, int] = {}
        self._alive_ids = 0
        self._asked = AskedIds()
        self._table = HashTable(slots)
        self._next: HashTable | None = None
        self._leaving: HashTable | None = None
        """The table before this one while not all is moved; what is in both counts as this one says."""
        self._moved = 0

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

    def was_made(self, ordinal: int, at: int) -> bool:
        """Whether the row with this ordinal was made at that time, or nobody knows any more when."""
        place = bisect_right(self._starts, ordinal) - 1
        batch = self._batches[place] if place >= 0 else None
        if batch is None or batch.stamps is None:
            return True
        within = int(np.searchsorted(batch.ordinals, ordinal))
        exact = within < len(batch.ordinals) and batch.ordinals[within] == ordinal
        return not exact or bool(batch.stamps[within] == stamps_of(np.array([at]))[0])

    def all_new(self, ids: pa.StringArray) -> bool:
        """Whether no id is known and none comes twice. May say no where hashes alone agree."""
        hashes = self._hashes_of(ids)
        if self._clashes or not all_differ(hashes) or np.any(self._probe(hashes) >= 0):
            return False
        self._asked.remember(ids, hashes)
        return True

    def _probe(self, hashes: Hashes) -> Ints:
        """The ordinal that each hash has."""
        ordinals = self._table.probe(hashes)
        if self._leaving is not None:
            missing = np.flatnonzero(ordinals < 0)
            ordinals[missing] = self._leaving.probe(hashes[missing])
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
        new = self._asked.take(batch.ids)
        hashes = self._hashes_of(batch.ids) if new is None else new
        self._make_room(len(hashes))
        self._append(batch)
        if new is not None:
            self._table.put(new, batch.ordinals)
        elif all_differ(hashes):
            self._insert(hashes, batch)
        else:
            for row in range(len(hashes)):
                part = slice(row, row + 1)
                self._insert(hashes[part], Known(batch.ids.slice(row, 1), batch.ordinals[part]))

    def join_newest(self, count: int, whole: Known) -> None:
        """One batch in place of the newest `count`, whose ids it has."""
        self._alive_ids -= sum(len(batch.ids) for batch in self._batches[-count:])
        del self._batches[-count:], self._starts[-count:]
        self._append(whole)

    def drop(self, batch: Known) -> None:
        """Forget a batch; ids that came again since stay."""
        place = bisect_left(self._starts, batch.first)
        del self._batches[place], self._starts[place]
        self._table.remove(self._hashes_of(batch.ids), batch.ordinals)  # in one that is being left it is dead
        self._alive_ids -= len(batch.ids)
        self._ranges = None
        if self._clashes:
            self._clashes = {i: at for i, at in self._clashes.items() if not batch.first <= at < batch.end}

    def _append(self, batch: Known) -> None:
        self._batches.append(batch)
        self._starts.append(batch.first)
        self._alive_ids += len(batch.ids)
        self._ranges = None

    def _first_and_end(self) -> tuple[Ints, Ints]:
        """Of every batch, the first ordinal and one more than the last."""
        if self._ranges is None:
            ends = [batch.end for batch in self._batches]
            self._ranges = np.array(self._starts, dtype=np.int64), np.array(ends, dtype=np.int64)
        return self._ranges

    def _insert(self, hashes: Hashes, batch: Known) -> None:
        """Write hashes that differ; one that is there is another's only where its id is another."""
        there = self._probe(hashes)
        met = np.flatnonzero(there >= 0)
        if len(met):
            mine = self._mine(met, there[met], batch)
            self._table.put(hashes[met[mine]], batch.ordinals[met[mine]])
        new = there < 0
        self._table.put(hashes[new], batch.ordinals[new])

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
        if not len(firsts):
            return np.zeros(len(ordinals), dtype=np.bool_)
        if np.array_equal(firsts[1:], ends[:-1]):  # the only model of its partition
            alive: NDArray[np.bool_] = (ordinals >= firsts[0]) & (ordinals < ends[-1])
            return alive
        places = np.searchsorted(firsts, ordinals, side="right") - 1
        return (places >= 0) & (ordinals < ends[places])

    def _make_room(self, more: int) -> None:
        """Keep three eighths of the table empty."""
        self._prepare(more)
        if not self._table.has_room(more):
            self._move(len(self._leaving or ()))
            self._leaving, self._moved = self._table, 0
            following, slots = self._next, self._slots_for(more)
            self._table = following if following is not None and len(following) >= slots else HashTable(slots)
            self._next = None
        self._move(max(_MOVED_A_ROW * more, self._moved_at_least))

    def _prepare(self, more: int) -> None:
        """From nine sixteenths on the next table is made ready, in time for a switch a sixteenth later."""
        early = len(self._table) // 16
        if self._next is None and not self._table.has_room(early + more):
            self._next = HashTable(self._slots_for(early + more))
        if self._next is not None:
            self._next.make_ready(_READIED_A_ROW * more)

    def _slots_for(self, more: int) -> int:
        """Of a table after this one: half full at most with what is alive and `more`."""
        slots = max(len(self._table) // 2, self._smallest)
        while slots < 2 * (self._alive_ids + more):
            slots *= 2
        return slots

    def _move(self, slots: int) -> None:
        """What is alive in the next so many slots of the table that is being left goes over to the new one.

        Why it is done in time: the old table is walked after an eighth as many rows as it has slots, and the
        new one has room for at least that many besides what is alive.
        """
        if self._leaving is None:
            return
        hashes, ordinals = self._leaving.part(self._moved, self._moved + slots)
        going = self._alive(ordinals) & (self._table.probe(hashes) < 0)
        self._table.put(hashes[going], ordinals[going])
        self._moved += slots
        if self._moved >= len(self._leaving):
            self._leaving = None
