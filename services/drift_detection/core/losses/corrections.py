"""The newest labelled rows that metrics count, remembered so that a corrected label can be counted instead.

A correction is the whole row again with its new label; what was counted before is known here alone. What
it revises are figures: the metrics of the newest rows, the mean of the newest 200 losses, the losses of
mature and of provisional rows. What it does not: an alarm that was raised, the evidence of a detector and
the level that it measures against, the looks of a preset's rule, a loss block, the parts of segments in an
alarm. A sequential test has looked, and cannot un-look; a detector fed with both labels would see one row
twice.

Why only the newest 1,050 labelled rows: the metrics of a model are of its newest 1,000 and those of the
block that is open, and memory must end somewhere (a snapshot holds these rows). The window of a small
segment reaches further back; of it too no more than these rows are revised. Which rows count as the newest
goes by the rows before the correction, never by frames. A correction of an older row counts as too late, and so
does one of a new version's first rows that comes before the version is judged.
"""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.narrow import narrow_floats, narrow_integers, wide_floats, wide_integers
from drift_detection.core.kept.texts import KeptTexts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

KEPT = 1_050
"""Labelled rows of a model whose labels are open to correction."""
MOST_FRESH = 128
"""Rows that wait to be put to the others."""
HASH_BYTES = 6
"""Of a prediction id: that of another row is taken for one of these with a chance of 4 in a million million."""
NOT_COUNTED = -1


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows as they were counted: parallel columns."""

    numbers: Ints
    """Number of each row among the model's labelled rows."""
    lag: Ints
    """Milliseconds from the prediction to its first label."""
    losses: Floats
    labels: Floats
    """The first target's label: a number, or the code of a class."""
    ordinals: Ints
    """(1 + segment fields) × rows: the place of each row among those that a monitor has counted of its version,
    first the whole model's; −1 where none has."""
    measures: Floats
    """What was measured of them, where their labels do not tell it: of several targets, and of forecasts."""

    def take(self, which: slice | NDArray[Any]) -> Self:
        """Some of the rows."""
        columns = (self.numbers[which], self.lag[which], self.losses[which], self.labels[which])
        return type(self)(*columns, self.ordinals[:, which], self.measures[:, which])

    def narrowed(self) -> Self:
        """The same rows in as few bytes as hold them."""
        return type(self)(
            narrow_integers(self.numbers),
            narrow_integers(self.lag),
            narrow_floats(self.losses),
            narrow_floats(self.labels),
            narrow_integers(self.ordinals),
            self.measures.copy(),
        )

    def widened(self) -> Self:
        """The rows that were `narrowed`."""
        return type(self)(
            wide_integers(self.numbers),
            wide_integers(self.lag),
            wide_floats(self.losses),
            wide_floats(self.labels),
            wide_integers(self.ordinals),
            self.measures,
        )

    @classmethod
    def all_of(cls, parts: "Sequence[Counted]") -> "Counted":
        """The rows of some parts, one after the other."""
        return cls(
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.lag for part in parts]),
            np.concatenate([part.losses for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.ordinals for part in parts], axis=1),
            np.concatenate([part.measures for part in parts], axis=1),
        )

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True)
class Revision:
    """Corrections that count, in their order: which of the given rows they are, and what they replace."""

    places: NDArray[np.intp]
    numbers: Ints
    lag: Ints
    losses: Floats
    labels: Floats
    ordinals: Ints
    measures: Floats


class CountedRows:
    """The newest labelled rows of a model by their prediction ids; bounded by `KEPT`.

    >>> seen = CountedRows(segment_fields=0)
    >>> numbers, none = np.arange(2), np.zeros((0, 2))
    >>> rows = Counted(numbers, np.zeros(2, np.int64), np.array([0.0, 1.0]), np.zeros(2), numbers[None, :], none)
    >>> seen.push(KeptTexts.of(["a", "b"]), rows)
    >>> found = seen.correct(["b", "z"], np.zeros(2), np.ones(2), none, np.array([1, 1]), np.array([9, 9]))
    >>> found.places.tolist(), found.losses.tolist(), found.ordinals.tolist()
    ([0], [1.0], [[1]])
    """

    def __init__(self, segment_fields: int, measures: int = 0) -> None:
        self._scopes, self._measures = segment_fields + 1, measures
        self._hashes = np.zeros(0, np.int64)
        self._unread: list[KeptTexts] = []
        """Ids of the newest rows that have not been hashed: hardly a frame has a correction in it."""
        none = np.zeros(0, np.int64)
        places, measured = np.zeros((self._scopes, 0), np.int64), np.zeros((measures, 0))
        self._held = Counted(none, none, np.zeros(0), np.zeros(0), places, measured)
        self._is_narrow = False
        self._fresh: list[Counted] = []
        """Newer rows: to put a few to the others costs as much as to put a hundred."""
        self._oldest = 0
        """Rows before this number are to be forgotten."""

    @property
    def _rows(self) -> Counted:
        """The rows, wide from when they are first asked for in a frame until they are narrowed again."""
        if self._is_narrow:
            self._held, self._is_narrow = self._held.widened(), False
        if self._fresh:
            self._held, self._fresh = Counted.all_of((self._held, *self._fresh)), []
        gone = int(np.count_nonzero(self._held.numbers < self._oldest))
        if gone:
            self._forget(gone)
        return self._held

    def __len__(self) -> int:
        return len(self._rows)

    def push(self, ids: KeptTexts, rows: Counted) -> None:
        """Rows were counted; all of them stay until `trim`."""
        self._unread.append(ids)
        self._fresh.append(rows)

    def forget_windows(self) -> None:
        """Monitors began anew: no row is in a window of theirs any longer."""
        self._rows.ordinals[:] = NOT_COUNTED

    def trim(self, next_row: int) -> None:
        """Forget rows that lie further back than those that are open to correction."""
        self._oldest = next_row - KEPT
        if not self._is_narrow or sum(map(len, self._fresh)) >= MOST_FRESH:
            self._held, self._is_narrow = self._rows.narrowed(), True

    def _forget(self, gone: int) -> None:
        """Let go of so many of the oldest rows."""
        self._held = self._held.take(slice(gone, None))
        begun, self._hashes = len(self._hashes), self._hashes[gone:].copy()
        gone -= begun
        while gone > 0:
            oldest = self._unread.pop(0)
            if len(oldest) > gone:
                self._unread.insert(0, oldest.since(gone))
            gone -= len(oldest)

    def correct(  # noqa: PLR0917 - parallel columns of the corrections
        self, ids: Sequence[str], losses: Floats, labels: Floats, measures: Floats, newest: Ints, unjudged: Ints
    ) -> Revision:
        """Put corrected losses, labels and measures in place of those counted; gives what they replace.

        `newest` is, for each correction, the number of the newest labelled row before it: what decides whether
        it is in time. From number `unjudged` on, rows waited for their version to be judged when it came; in a
        frame of its own it would have found them uncounted. Those that are not in time, or whose row was not
        among the counted ones, are left out.
        """
        rows, found, at = self._rows, [], []
        place_of = dict(zip(self._read().tolist(), range(len(rows)), strict=True))
        before: list[tuple[float, ...]] = []
        for place, key in enumerate(_hashed(ids).tolist()):
            row = place_of.get(key)
            if row is None or not newest[place] - KEPT < rows.numbers[row] < unjudged[place]:
                continue
            found.append(place)
            at.append(row)
            before.append((float(rows.losses[row]), float(rows.labels[row]), *rows.measures[:, row].tolist()))
            rows.losses[row], rows.labels[row] = losses[place], labels[place]
            rows.measures[:, row] = measures[:, place]
        which = np.array(at, dtype=np.intp)
        replaced = np.array(before, dtype=np.float64).reshape(-1, 2 + self._measures).T
        ordinals = rows.ordinals[:, which]
        places = np.array(found, dtype=np.intp)
        losses_before, labels_before, *others = replaced
        measured = np.array(others, dtype=np.float64).reshape(self._measures, len(at))
        return Revision(places, rows.numbers[which], rows.lag[which], losses_before, labels_before, ordinals, measured)

    def _read(self) -> Ints:
        """The hashes of all rows."""
        fresh = [_hashed(ids.to_list()) for ids in self._unread]
        self._hashes, self._unread = np.concatenate((self._hashes, *fresh)), []
        return self._hashes

    def snapshot(self) -> list[str]:
        """The rows, packed as text."""
        rows = self._rows
        steps = [np.diff(column, prepend=0) for column in (rows.numbers, *rows.ordinals)]
        columns = (self._read(), rows.lag, rows.losses, rows.labels, *steps, *rows.measures)
        return [_packed(column) for column in columns]

    def restore(self, state: list[str]) -> None:
        """Take them up again; none of a snapshot that does not tell what was measured of them."""
        begin = 5 + self._scopes
        if len(state) != begin + self._measures:
            return
        columns = [np.frombuffer(_unpacked(text), dtype="<i8").astype(np.int64) for text in state]
        self._hashes, self._unread = columns[0], []
        numbers, *ordinals = (np.cumsum(column) for column in columns[4:begin])
        measures = np.array([column.view(np.float64) for column in columns[begin:]])
        losses, labels = (column.view(np.float64) for column in columns[2:4])
        measured = measures.reshape(self._measures, len(numbers))
        self._held = Counted(numbers, columns[1], losses, labels, np.array(ordinals, np.int64), measured)
        self._is_narrow, self._fresh, self._oldest = False, [], 0


def _hashed(ids: Sequence[str]) -> Ints:
    digests = (hashlib.blake2b(one.encode(), digest_size=HASH_BYTES).digest() for one in ids)
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.int64)


def _packed(column: NDArray[Any]) -> str:
    """Eight-byte numbers with their first bytes together, then their second ones and so on: that packs better."""
    planes = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, 8).T)
    return base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode("ascii")


def _unpacked(text: str) -> bytes:
    raw = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
    return np.ascontiguousarray(raw.reshape(8, -1).T).tobytes()
