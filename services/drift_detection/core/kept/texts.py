"""Short texts in few bytes: a model keeps the names of hundreds of rows, in dozens of lists."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_MOST = 1 << 16
_FEW = 256
"""Texts that are picked one by one: Arrow's own `take` costs as much as so many of them."""


class KeptTexts:
    """Texts one after the other, and where each ends: a third of what an Arrow array takes for a few of them.

    >>> texts = KeptTexts.of(["a", "", "bcd"]).joined(KeptTexts.of(["é"]))
    >>> texts.to_list(), texts.text(2), texts.since(2).to_list(), texts.picked(np.array([1, 3])).to_list()
    (['a', '', 'bcd', 'é'], 'bcd', ['bcd', 'é'], ['', 'é'])
    >>> KeptTexts.all_of([(texts, 2, 4), (texts, 1, 1), (texts, 0, 1)]).to_list()
    ['bcd', 'é', 'a']
    """

    __slots__ = ("_data", "_ends")

    def __init__(self, data: bytes, ends: NDArray[Any]) -> None:
        self._data = data
        self._ends = ends.astype(np.uint16 if len(data) < _MOST else np.int64)

    @classmethod
    def of(cls, texts: "pa.Array | Sequence[str]") -> Self:
        """A column of text without nulls, or a list."""
        column = texts if isinstance(texts, pa.StringArray) else pa.array(texts, pa.string())
        _, where, data = column.buffers()
        if not len(column):
            return cls(b"", np.zeros(0, np.int64))
        places = np.frombuffer(where, np.int32)[column.offset : column.offset + len(column) + 1]
        first, last = int(places[0]), int(places[-1])
        return cls(b"" if data is None else data.slice(first, last - first).to_pybytes(), places[1:] - first)

    @classmethod
    def at(cls, column: pa.Array, places: NDArray[np.intp]) -> Self:
        """Those of a column of text that stand at these places, of which none is null.

        >>> column = pa.array(["a", "bc", "", "d"])
        >>> [KeptTexts.at(column, np.array(places)).to_list() for places in ([1, 2, 3], [3, 0])]
        [['bc', '', 'd'], ['d', 'a']]
        """
        count = len(places)
        if not count:
            return cls.of(())
        first, last = int(places[0]), int(places[-1])
        if last - first + 1 == count and (places[1:] > places[:-1]).all():
            return cls.of(column.slice(first, count))
        if count > _FEW or not isinstance(column, pa.StringArray):
            return cls.of(column.take(pa.array(places)))
        _, where, data = column.buffers()
        ends = np.frombuffer(where, np.int32)[column.offset : column.offset + len(column) + 1]
        begins, stops, held = ends[places].tolist(), ends[places + 1].tolist(), memoryview(data or b"")
        texts = [held[begin:stop] for begin, stop in zip(begins, stops, strict=True)]
        return cls(b"".join(texts), (ends[places + 1] - ends[places]).cumsum())

    def __len__(self) -> int:
        return len(self._ends)

    def _begin(self, place: int) -> int:
        return int(self._ends[place - 1]) if place else 0

    def text(self, place: int) -> str:
        """One of them, by its place from the first (0) or from the last (−1)."""
        place %= len(self)
        return self._data[self._begin(place) : int(self._ends[place])].decode()

    def since(self, first: int) -> Self:
        """Those from this place on."""
        if first >= len(self):
            return type(self)(b"", np.zeros(0, np.int64))
        begin = self._begin(first)
        return type(self)(self._data[begin:], self._ends[first:].astype(np.int64) - begin)

    def picked(self, places: NDArray[np.intp]) -> Self:
        """Those at these places."""
        texts = [self._data[self._begin(place) : int(self._ends[place])] for place in places.tolist()]
        return type(self)(b"".join(texts), np.cumsum([len(text) for text in texts], dtype=np.int64))

    def joined(self, other: Self) -> Self:
        """These, and `other`'s after them."""
        ends = np.concatenate((self._ends, other._ends.astype(np.int64) + len(self._data)))
        return type(self)(self._data + other._data, ends)

    @classmethod
    def all_of(cls, parts: "Sequence[tuple[KeptTexts, int, int]]") -> Self:
        """Of each of some texts those from the first place on and before the second, one after the other."""
        data, ends, before = [], [], 0
        for texts, first, last in parts:
            begin = texts._begin(first)
            data.append(texts._data[begin : texts._begin(last)])
            ends.append(texts._ends[first:last].astype(np.int64) + (before - begin))
            before += len(data[-1])
        return cls(b"".join(data), np.concatenate(ends) if ends else np.zeros(0, np.int64))

    def to_list(self) -> list[str]:
        """As texts."""
        ends = self._ends.tolist()
        return [self._data[first:last].decode() for first, last in zip([0, *ends], ends, strict=False)]
