"""What ingestion adds to rows that passed: derived features, label defaults, columns left out."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from outcome_ingestion.core.frames.blocks import Block, nulls_for
from outcome_ingestion.core.labels.classes import one_spelling

_NAMES = ["prediction", "outcome", "example"]
EVENTS = pa.array(_NAMES)
_PREDICTION, _OUTCOME, _EXAMPLE = 0, 1, 2


def complete(block: Block) -> pa.RecordBatch:
    """The rows as a frame has them, `event` and `prediction_id` included."""
    columns = dict(block.columns)
    columns |= derived_features(block)
    _default_labels(block, columns)
    columns |= one_spelling(columns, block.layout)
    columns["prediction_id"] = block.ids
    columns["event"] = _events(block)
    ordered = nulls_for(columns, block.layout.schema, len(block))
    return pa.RecordBatch.from_arrays(list(ordered.values()), names=list(ordered))


def derived_features(block: Block) -> dict[str, pa.Array]:
    """Columns of the features that have an expression; null where it has no finite value."""
    layout = block.layout
    needed = {name for derived in layout.derived for name in derived.expression.names}
    inputs = {name: block.columns[FEATURE + name].to_numpy(zero_copy_only=False) for name in needed}
    values = {derived.name: derived.expression.over(inputs) for derived in layout.derived}
    return {
        FEATURE + name: pa.array(np.broadcast_to(value, len(block)), pa.float64(), from_pandas=True)
        for name, value in values.items()
    }


def _default_labels(block: Block, columns: dict[str, pa.Array]) -> None:
    """`labelled_at` and `label_source` stand where there is a label, and nowhere else.

    A label that lacks a field of the target is none yet: its truths wait for the others (`parts_of_rows`).
    """
    labelled = block.has(LABEL)
    at, source = columns["labelled_at"], columns["label_source"]
    if at.null_count:
        at = pc.coalesce(at, columns["predicted_at"])
    if not labelled.all():
        mask = pa.array(labelled)
        at = pc.if_else(mask, at, pa.scalar(None, at.type))
        source = pc.if_else(mask, source, pa.scalar(None, source.type))
    columns["labelled_at"], columns["label_source"] = at, source
    if len(block.layout.target) > 1 and not labelled.all():
        for name in block.layout.target:
            column = columns[LABEL + name]
            columns[LABEL + name] = pc.if_else(pa.array(labelled), column, pa.scalar(None, column.type))


def _events(block: Block) -> pa.Array:
    predicted, labelled = block.has(PREDICTION), block.has(LABEL)
    if predicted.all() and labelled.all():
        return pa.repeat(pa.scalar(_NAMES[_OUTCOME]), len(block))
    codes = np.where(predicted, np.where(labelled, _OUTCOME, _PREDICTION), _EXAMPLE)
    return EVENTS.take(pa.array(codes))
