"""Reads a golden set: CSV or Parquet, a column for each feature and each target field."""

import hashlib
from io import BytesIO

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from driftloop.codec.scalars import category_text
from driftloop.learners.protocol import Column, Rows
from driftloop.learners.targets import known_labels
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.train.golden import GoldenSet


def read_golden_set(uri: str, spec: ModelSpec) -> GoldenSet:
    """The rows of the file at `uri`; raises ValueError, with a sentence, where it cannot serve."""
    try:
        with fsspec.open(uri, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ValueError(f"the golden set {uri} cannot be read: {error}") from error
    try:
        table = pa.parquet.read_table(BytesIO(data)) if uri.endswith(".parquet") else pa.csv.read_csv(BytesIO(data))
    except pa.ArrowInvalid as error:
        raise ValueError(f"the golden set {uri} is neither CSV nor Parquet: {error}") from error
    lacking = [name for name in (*spec.features, *spec.target) if name not in table.column_names]
    if lacking:
        raise ValueError(f"the golden set {uri} lacks the columns {', '.join(lacking)}")
    features = {name: _column(table[name], feature.kind) for name, feature in spec.features.items()}
    rows = Rows(features, {name: _column(table[name], field.kind) for name, field in spec.target.items()})
    if not len(rows) or not known_labels(rows, spec.target).all():
        raise ValueError(f"the golden set {uri} needs rows, and every label of each")
    return GoldenSet(rows, hashlib.sha256(data).hexdigest())


def _column(values: pa.ChunkedArray, kind: str) -> Column:
    if kind == "number":
        return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.array([None if v is None else category_text(v) for v in values.to_pylist()], dtype=object)
