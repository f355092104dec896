"""Rows that are judged, in the shape in which monitors take them in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.kept.texts import KeptTexts
from drift_detection.core.row_index import Steps


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Labelled rows with their losses: parallel columns.

    `segments` holds, for each segment field, the code of every row and what the codes stand for.
    """

    losses: NDArray[np.float64]
    rows: NDArray[np.int64]
    """Number of each row among the model's labelled rows."""
    at: NDArray[np.int64]
    """When it was labelled, in milliseconds."""
    lag: NDArray[np.int64]
    """Milliseconds from prediction to label."""
    ids: Sequence[str]
    segments: "tuple[Segment, ...]"
    measures: NDArray[np.float64]
    """`measures.quality` of the rows (measures × rows)."""
    labels: NDArray[np.float64]
    """The first target's label: a number, or the lasting code of a class."""
    targets: Mapping[str, pa.Array]
    """Every target's label as it came, by the name of its column in a frame."""

    def __len__(self) -> int:
        return len(self.losses)

    def take(self, which: slice) -> Self:
        """Some of the rows, in order."""
        segments = tuple((name, codes[which], values) for name, codes, values in self.segments)
        return type(self)(
            self.losses[which],
            self.rows[which],
            self.at[which],
            self.lag[which],
            self.ids[which],
            segments,
            self.measures[:, which],
            self.labels[which],
            {name: column[which] for name, column in self.targets.items()},
        )

    def pick(self, which: NDArray[np.intp]) -> Self:
        """Some of the rows, wherever they stand; `take` where they stand together."""
        if len(which) and int(which[-1]) - int(which[0]) + 1 == len(which):
            return self.take(slice(int(which[0]), int(which[-1]) + 1))
        ids = self.ids.of(which) if isinstance(self.ids, LazyIds) else [self.ids[row] for row in which.tolist()]
        places = pa.array(which)
        return type(self)(
            self.losses[which],
            self.rows[which],
            self.at[which],
            self.lag[which],
            ids,
            tuple((name, codes[which], values) for name, codes, values in self.segments),
            np.ascontiguousarray(self.measures[:, which]),
            self.labels[which],
            {name: column.take(places) for name, column in self.targets.items()},
        )

    def steps(self, which: NDArray[np.intp]) -> Steps:
        """Some of the rows as they are named in signals."""
        ids = self.ids
        kept = ids.kept(which) if isinstance(ids, LazyIds) else KeptTexts.of([ids[row] for row in which.tolist()])
        return Steps(self.rows[which], kept, self.at[which])

    def kept_ids(self, which: slice) -> KeptTexts:
        """The ids of some of the rows, apart from the frame that they came in."""
        return self.ids.kept(which) if isinstance(self.ids, LazyIds) else KeptTexts.of(self.ids[which])

    def detached(self) -> Self:
        """The same rows without the frame they came in: segments by name alone, ids as text."""
        segments = tuple((name, codes.copy(), [*values]) for name, codes, values in self.segments)
        every = pa.array(np.arange(len(self)))
        return replace(
            self,
            ids=[*self.ids],
            segments=segments,
            targets={name: column.take(every) for name, column in self.targets.items()},
        )

    def joined(self, other: Self) -> Self:
        """These rows and `other`'s after them."""
        segments = tuple(_join(mine, theirs) for mine, theirs in zip(self.segments, other.segments, strict=True))
        return type(self)(
            np.concatenate((self.losses, other.losses)),
            np.concatenate((self.rows, other.rows)),
            np.concatenate((self.at, other.at)),
            np.concatenate((self.lag, other.lag)),
            [*self.ids, *other.ids],
            segments,
            np.concatenate((self.measures, other.measures), axis=1),
            np.concatenate((self.labels, other.labels)),
            {name: pa.concat_arrays([column, other.targets[name]]) for name, column in self.targets.items()},
        )

    def measured(self, measures: int) -> Self:
        """With so many measures: those that an earlier release did not take are gaps."""
        lacking = measures - len(self.measures)
        if lacking <= 0:
            return self
        gaps = np.full((lacking, len(self)), np.nan)
        return replace(self, measures=np.concatenate((self.measures, gaps)))

    def to_state(self) -> list[Any]:
        """For JSON."""
        segments = [[name, codes.tolist(), values] for name, codes, values in self.segments]
        columns = [self.losses.tolist(), self.rows.tolist(), self.at.tolist(), self.lag.tolist()]
        measures = [[None if value != value else value for value in row] for row in self.measures.tolist()]  # noqa: PLR0124 - NaN
        targets = {name: column.to_pylist() for name, column in self.targets.items()}
        return [*columns, [*self.ids], segments, measures, self.labels.tolist(), targets]

    @classmethod
    def of_state(cls, state: list[Any]) -> Self:
        """From JSON."""
        losses, rows, at, lag, ids, segments, measures, labels, targets = state
        return cls(
            np.array(losses, np.float64),
            np.array(rows, np.int64),
            np.array(at, np.int64),
            np.array(lag, np.int64),
            ids,
            tuple((name, np.array(codes, np.int32), values) for name, codes, values in segments),
            np.array(measures, np.float64),
            np.array(labels, np.float64),
            {name: pa.array(column) for name, column in targets.items()},
        )


Segment = tuple[str, NDArray[np.int32], list[str]]


def _join(mine: Segment, theirs: Segment) -> Segment:
    name, codes, values = mine
    codes_of = {value: code for code, value in enumerate(values)}
    places = np.array([*(codes_of.setdefault(value, len(codes_of)) for value in theirs[2]), -1], dtype=np.int32)
    return name, np.concatenate((codes, places[theirs[1]])), list(codes_of)


class LazyIds(Sequence[str]):
    """Prediction ids of some rows of a frame, looked up when asked for: hardly ever."""

    def __init__(self, column: Any, which: NDArray[np.intp]) -> None:
        self._column, self._which = column, which

    def __len__(self) -> int:
        return len(self._which)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return LazyIds(self._column, self._which[index])
        return str(self._column[int(self._which[index])].as_py())

    def of(self, which: NDArray[np.intp]) -> "LazyIds":
        """Those of some of the rows, to be looked up when asked for."""
        return LazyIds(self._column, self._which[which])

    def kept(self, which: slice | NDArray[np.intp]) -> KeptTexts:
        """Some of the ids, copied out of the frame."""
        return KeptTexts.at(self._column, self._which[which])
