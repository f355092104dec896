"""Values of series as rows of a frame: for the archive, and passed over by all who judge rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import FEATURE, LABEL, SEGMENT
from driftloop.codec.series import SERIES
from driftloop.spec.forecast import key_feature
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.decode.timestamps import MOMENT, text_of
from outcome_ingestion.core.frames.blocks import nulls_for
from outcome_ingestion.core.frames.frame_assembly import Piece
from outcome_ingestion.core.observations.observed_records import Observation
from outcome_ingestion.core.observations.observing import Kept


def values_piece(kept: Sequence[Kept], layout: Layout) -> Piece:
    """A row a value, in the order of arrival: its time is that of a prediction, its label a list of one.

    Its id is made of entity and time, so that a value that is told again takes the place of the one before.
    """
    ordered = sorted(kept, key=lambda one: one.seen.place)
    seen = [one.seen for one in ordered]
    feature = key_feature(layout.spec)
    columns = {
        "event": pa.array([one.event for one in ordered]),
        "prediction_id": pa.array([value_id(one) for one in seen]),
        "predicted_at": pa.array([one.observed_at for one in seen], pa.int64()).cast(MOMENT),
        "labelled_at": pa.array([one.at for one in seen], pa.int64()).cast(MOMENT),
        "label_source": pa.array([one.source for one in seen]),
    }
    if feature:
        columns[FEATURE + feature] = pa.array([one.entity for one in seen])
        columns[SEGMENT + feature] = columns[FEATURE + feature]  # by which they can be erased
    columns |= {LABEL + name: pa.array([[one.value] for one in seen], SERIES) for name in layout.target}
    rows = nulls_for(columns, layout.schema, len(seen))
    places = np.array([one.place for one in seen], dtype=np.int64)
    return Piece(places, pa.RecordBatch.from_arrays(list(rows.values()), names=list(rows)))


def value_id(seen: Observation) -> str:
    """The id of a value in the archive.

    >>> value_id(Observation(0, "web-1", 1_767_592_800_000_000, 1.0, 0, "system"))
    'web-1@2026-01-05T06:00:00+00:00'
    """
    return f"{seen.entity}@{text_of(seen.observed_at, 'observed_at')}"
