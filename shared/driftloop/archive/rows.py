"""Rows that were read from the archive, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.series import matrix_of_texts
from driftloop.learners.protocol import Column
from driftloop.spec.model_spec import FeatureKind


@dataclass(frozen=True, slots=True)
class ArchivedRows:
    """Labelled rows of one model in the order of the stream (columns: `ARCHIVE_SCHEMA`)."""

    model_id: str
    partition: int
    """The partition of outcome-frames that they came through."""
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def without(self, spans: Sequence[tuple[int, int]]) -> "ArchivedRows":
        """The rows but those of `spans`: each (oldest, newest), counted back from the last row.

        (100, 0) are the last hundred rows.
        """
        if not spans:
            return self
        kept, count = np.ones(len(self), dtype=np.bool_), len(self)
        for oldest, newest in spans:
            kept[max(0, count - oldest) : max(0, count - newest)] = False
        return replace(self, table=self.table.filter(pa.array(kept)).combine_chunks())

    def feature(self, name: str, kind: FeatureKind, steps: int = 0) -> Column:
        """A feature: float64 with NaN, or object with None, where a row lacks it; a series as rows × `steps`."""
        return _column(self.table["numbers" if kind == "number" else "categories"], name, kind, steps)

    def label(self, name: str, kind: FeatureKind, steps: int = 0) -> Column:
        """The true value of a target field: float64 with NaN, or object with None, where a row lacks it."""
        return _column(self.table["labels_number" if kind == "number" else "labels_category"], name, kind, steps)

    def prediction(self, name: str, kind: FeatureKind, steps: int = 0) -> Column:
        """What was predicted for a target field; NaN or None for an example."""
        texts = _column(self.table["predictions"], name, "category" if kind == "number" else kind, steps)
        return np.array(texts, dtype=np.float64) if kind == "number" else texts

    def segment(self, name: str) -> Column:
        """The row's value of a segment key; None where it has none."""
        return _column(self.table["segments"], name, "category")

    @property
    def prediction_ids(self) -> list[str]:
        """One id a row."""
        return self.table["prediction_id"].to_pylist()  # type: ignore[no-any-return]

    @property
    def model_versions(self) -> list[str | None]:
        """The version that predicted each row; None for an example."""
        return self.table["model_version"].to_pylist()  # type: ignore[no-any-return]

    @property
    def label_sources(self) -> NDArray[Any]:
        """`user`, `system` or `pseudo`, one a row."""
        return np.array(self.table["label_source"].to_pylist(), dtype=object)

    @property
    def predicted_at(self) -> NDArray[np.int64]:
        """When each row was predicted, in milliseconds since 1970."""
        return np.asarray(pc.cast(self.table["predicted_at"], pa.int64()).to_numpy(), dtype=np.int64) // 1000

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights as producers gave them; NaN where a row has none."""
        return np.asarray(self.table["weight"].to_numpy(), dtype=np.float64)

    @property
    def confidences(self) -> NDArray[np.float64]:
        """How sure the prediction of each row was; NaN where that is not known."""
        return np.asarray(self.table["confidence"].to_numpy(), dtype=np.float64)

    @property
    def frame_offsets(self) -> NDArray[np.int64]:
        """The offset of the frame in which each row first came by, ascending."""
        return np.asarray(self.table["frame_offset"].to_numpy(), dtype=np.int64)


def _column(maps: pa.ChunkedArray, name: str, kind: FeatureKind, steps: int = 0) -> Column:
    """One entry of a column of maps. Keys are compared all at once: a lookup row by row is 20 times slower."""
    whole = maps.combine_chunks()
    entries = np.flatnonzero(pc.equal(whole.keys, pa.scalar(name)).to_numpy(zero_copy_only=False))
    rows = np.searchsorted(whole.offsets.to_numpy(), entries, side="right") - 1
    found = whole.items.take(pa.array(entries))
    column: Column = np.full(len(whole), np.nan) if kind == "number" else np.full(len(whole), None, dtype=object)
    column[rows] = found.to_numpy(zero_copy_only=False)
    return matrix_of_texts(column.tolist(), steps) if kind == "series" else column
