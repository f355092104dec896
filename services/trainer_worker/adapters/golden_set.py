"""Reads a golden set: any table, a column for each feature and each target field."""

import hashlib

import fsspec
import numpy as np
import pyarrow as pa

from driftloop.codec.scalars import category_text
from driftloop.errors import ExitCode, UserError
from driftloop.files.faults import NoRowsError
from driftloop.files.opening import open_table
from driftloop.learners.protocol import Column, Rows
from driftloop.learners.targets import known_labels
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.train.golden import GoldenSet


def read_golden_set(uri: str, spec: ModelSpec) -> GoldenSet:
    """The rows of the file at `uri`; raises ValueError, with a sentence, where it cannot serve."""
    try:
        table = open_table(uri).data
        with fsspec.open(uri, "rb") as file:
            data = file.read()
    except NoRowsError as error:
        raise ValueError(f"the golden set {uri} needs rows, and every label of each") from error
    except UserError as error:
        what = "is neither CSV nor Parquet nor JSON" if error.exit_code == ExitCode.USAGE else "cannot be read"
        raise ValueError(f"the golden set {uri} {what}: {error.sentence.rstrip('.')}") from error
    except OSError as error:
        raise ValueError(f"the golden set {uri} cannot be read: {error}") from error
    lacking = [name for name in (*spec.features, *spec.target) if name not in table.column_names]
    if lacking:
        raise ValueError(f"the golden set {uri} lacks the columns {', '.join(lacking)}")
    features = {name: _column(uri, name, table[name], feature.kind) for name, feature in spec.features.items()}
    rows = Rows(features, {name: _column(uri, name, table[name], field.kind) for name, field in spec.target.items()})
    if not len(rows) or not known_labels(rows, spec.target).all():
        raise ValueError(f"the golden set {uri} needs rows, and every label of each")
    return GoldenSet(rows, hashlib.sha256(data).hexdigest())


def _column(uri: str, name: str, values: pa.ChunkedArray, kind: str) -> Column:
    if kind != "number":
        return np.array([None if v is None else category_text(v) for v in values.to_pylist()], dtype=object)
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        raise ValueError(f"the column {name} of the golden set {uri} must hold numbers")
    numbers = values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values
    return np.asarray(numbers.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
