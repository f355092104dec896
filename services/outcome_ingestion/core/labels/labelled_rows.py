"""Whole rows with the labels and ratings that they go out with."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import LABEL, RATED_AT
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.decode.timestamps import MOMENT
from outcome_ingestion.core.labels.ratings import RATING


def with_labels(batch: pa.RecordBatch, labels: dict[int, tuple[LabelItem, str]], fields: list[str]) -> pa.RecordBatch:
    """The rows with these labels (row → label and event) in place of what they had.

    `fields` are the target fields in the order of the labels' values. A label without a weight or a rating
    leaves the row's own; a correction without a rating has none. A rating alone tells no label, and a row whose
    rating was told before has the time of that.
    """
    rows = sorted(labels)
    items = [labels[row][0] for row in rows]
    values = {LABEL + name: [item.values[i] for item in items] for i, name in enumerate(fields)}
    values |= {
        "event": [labels[row][1] for row in rows],
        "labelled_at": [None if labels[row][1] == RATING else labels[row][0].at for row in rows],
        "label_source": [item.source for item in items],
    }
    changed = {name: _replaced(batch.column(name), rows, given) for name, given in values.items()}
    for name in ("weight", "rating"):
        said = {row: getattr(item, name) for row, item in zip(rows, items, strict=True)}
        said = {row: value for row, value in said.items() if value is not None or _is_unrated(name, labels[row][1])}
        if said:
            changed[name] = _replaced(batch.column(name), [*said], [*said.values()])
    columns = [changed.get(name, batch.column(i)) for i, name in enumerate(batch.schema.names)]
    labelled = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    return _with_times_of_ratings(labelled, {row: labels[row][0].rated_at for row in rows})


def _with_times_of_ratings(batch: pa.RecordBatch, rated_at: dict[int, int]) -> pa.RecordBatch:
    """With a column more where a rating was told alone."""
    if not any(rated_at.values()):
        return batch
    times = [rated_at.get(row) or None for row in range(len(batch))]
    return batch.append_column(RATED_AT, pa.array(times, pa.int64()).cast(MOMENT))


def _is_unrated(name: str, event: str) -> bool:
    return name == "rating" and event == "correction"


def _replaced(column: pa.Array, rows: list[int], values: Sequence[object]) -> pa.Array:
    """The column with `values` at `rows` (ascending)."""
    if not rows:
        return column
    new = pa.array(values).cast(column.type)
    picks = np.arange(len(column))
    picks[rows] = np.arange(len(column), len(column) + len(rows))
    return pa.concat_arrays([column, new]).take(pa.array(picks))
