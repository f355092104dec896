"""The first rows of a version that others trained, as the reference of the rows that follow.

Why detection makes it, and not scoring or a tool: the moment from which windows are compared with a reference has to
be the same in every replay. A profile that somebody publishes meanwhile comes at whatever moment the topics
interleave; the first rows are a function of the frames alone.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift_detection.core.series import numbers_of_series
from drift_detection.core.timestamps import moment
from driftloop.codec.frames import FEATURE, PREDICTION
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.profiles import make_profile


class FirstRows:
    """Gathers rows of one version until there are `wanted`."""

    def __init__(self, version: str, wanted: int) -> None:
        self.version, self.wanted = version, wanted
        self._batches: list[pa.RecordBatch] = []
        self.rows = 0

    @property
    def missing(self) -> int:
        """Rows that are still wanted."""
        return self.wanted - self.rows

    def take(self, batch: pa.RecordBatch, which: NDArray[np.intp]) -> None:
        """Add rows of a frame, at most as many as are missing."""
        names = [
            n for n in batch.schema.names if n.startswith((FEATURE, PREDICTION)) or n in {"confidence", "predicted_at"}
        ]
        self._batches.append(batch.select(names).take(pa.array(which)))
        self.rows += len(which)

    def profile(self, spec: ModelSpec, spec_version: int) -> ModelProfile:
        """The profile of the rows. It knows nothing of labels: what the version loses is learnt as labels come."""
        table = pa.concat_tables([pa.Table.from_batches([one]) for one in self._batches], promote_options="permissive")
        at = np.asarray(pc.cast(table["predicted_at"], pa.int64()).to_numpy(), dtype=np.int64) // 1000
        if spec.forecast is not None:
            named = {name: table[name].combine_chunks() for name in table.column_names}
            for name, numbers in numbers_of_series(spec, named).items():
                table = table.set_column(table.column_names.index(name), name, numbers)
        features = {name: _column(table, FEATURE + name, feature.kind) for name, feature in spec.features.items()}
        said = {name: _column(table, PREDICTION + name, target.kind) for name, target in spec.target.items()}
        sure = _column(table, "confidence", "number")
        return make_profile(
            spec.model_id, self.version, spec, spec_version, Rows(features, {}),
            Predictions(said, None if np.isnan(sure).all() else sure), np.empty(0), 1.0, predicted_at=at,
            message_id=derive_id("first-rows", spec.model_id, self.version), occurred_at=moment(int(at[-1])),
        )  # fmt: skip

    def snapshot(self) -> dict[str, Any]:
        """What has been gathered."""
        kept = []
        for batch in self._batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            kept.append(base64.b64encode(sink.getvalue().to_pybytes()).decode())
        return {"version": self.version, "wanted": self.wanted, "batches": kept}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "FirstRows":
        """What `snapshot` gave."""
        found = cls(state["version"], state["wanted"])
        for text in state["batches"]:
            with pa.ipc.open_stream(base64.b64decode(text)) as reader:
                found._batches += list(reader)
        found.rows = sum(batch.num_rows for batch in found._batches)
        return found


def _column(table: pa.Table, name: str, kind: str) -> Column:
    if name not in table.column_names:
        empty = np.full(len(table), np.nan) if kind in ("number", "series") else np.full(len(table), None, dtype=object)
        return np.asarray(empty)
    if kind in ("number", "series"):
        values = pc.cast(table[name], pa.float64()).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)
    return np.array(table[name].cast(pa.string()).to_pylist(), dtype=object)
