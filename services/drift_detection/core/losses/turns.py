"""How the labelled rows of a frame fall to versions: to the one that is judged, to others, to one that may follow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.monitors.versions import ServingVersion

Which = NDArray[np.intp]
_NONE = np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Turn:
    """Rows up to where the versions change over (or to the end), by their places.

    `current` are of the judged version, `aside` of others. `kept` are the last ones, of a version that may become
    the judged one: it does where `new` names it, with row `believed`. Who takes such a turn lets `serving` see
    that row.
    """

    current: Which
    aside: dict[str, Which]
    kept: Which
    drops_waiting: bool
    """Whether the rows that waited before the first of these turn out to be of another version."""
    waited: str
    """The version of those."""
    new: str | None = None
    believed: int = -1


@dataclass
class _Open:
    """A turn that is being put together."""

    waited: str
    current: list[Which] = field(default_factory=list)
    aside: dict[str, list[Which]] = field(default_factory=dict)
    kept: list[Which] = field(default_factory=list)
    kept_of: str = ""
    drops_waiting: bool = False

    def drop(self) -> None:
        """What was kept is of a version that does not follow."""
        self.drops_waiting = True
        if self.kept:
            self.aside.setdefault(self.kept_of, []).extend(self.kept)
            self.kept = []

    def closed(self, new: str | None = None, believed: int = -1) -> Turn:
        aside = {version: np.concatenate(parts) for version, parts in self.aside.items()}
        current = np.concatenate(self.current) if self.current else _NONE
        kept = np.concatenate(self.kept) if self.kept else _NONE
        return Turn(current, aside, kept, self.drops_waiting, self.waited, new, believed)


def turns(codes: NDArray[np.int32], names: Sequence[str], serving: ServingVersion) -> Iterator[Turn]:
    """The turns of rows by their versions' codes; `serving` has seen the rows of a turn when it is given, but for one
    with which versions change over.

    >>> one = ServingVersion("a")
    >>> (turn,) = turns(np.array([0, 0, 1, 0, 1], dtype=np.int32), ["a", "b"], one)
    >>> turn.current.tolist(), {name: rows.tolist() for name, rows in turn.aside.items()}, turn.kept.tolist()
    ([0, 1, 3], {'b': [2]}, [4])
    """
    turn = _Open(serving.candidate or "")
    for start, stop in _runs(codes):
        version, part = names[int(codes[start])], np.arange(start, stop)
        if version == serving.current:
            turn.drop()
            serving.see(version)
            turn.current.append(part)
            continue
        if not serving.is_candidate(version):
            turn.drop()
        turn.kept.append(part)
        turn.kept_of = version
        for row in range(start, stop):
            if serving.would_change(version):
                yield turn.closed(version, row)
                turn = _Open("")
                break
            serving.see(version)
    yield turn.closed()


def _runs(codes: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal codes."""
    ends = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return list(zip([0, *ends[:-1]], ends, strict=True))
