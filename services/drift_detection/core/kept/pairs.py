"""Pairs of a whole number and a fraction, packed: a profile has a dozen of them for each column."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_PAIR = struct.Struct("<qd")
_MOST = 2**63 - 1


class Pairs(Sequence[tuple[int, float]]):
    """A tuple of pairs in sixteen bytes each, where objects take over a hundred. A number past 64 bits is the largest.

    >>> pairs = Pairs([(25, 1.0), (50, 1.5)])
    >>> list(pairs), pairs[-1], pairs[:1]
    ([(25, 1.0), (50, 1.5)], (50, 1.5), ((25, 1.0),))
    >>> Pairs([(2**80, 1.0)])[0][0] == 2**63 - 1
    True
    """

    __slots__ = ("_packed",)

    def __init__(self, pairs: Iterable[tuple[int, float]]) -> None:
        self._packed = b"".join(_PAIR.pack(max(-_MOST, min(number, _MOST)), fraction) for number, fraction in pairs)

    def __len__(self) -> int:
        return len(self._packed) // _PAIR.size

    def __iter__(self) -> Iterator[tuple[int, float]]:
        yield from _PAIR.iter_unpack(self._packed)

    def __getitem__(self, index: Any) -> Any:
        return tuple(_PAIR.iter_unpack(self._packed))[index]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._packed)
