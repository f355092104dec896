"""Columnar JSON: one record, many rows of one model."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from driftloop.codec.columns import ColumnBatch, column_decoder
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, SHADOW
from driftloop.codec.outcomes import DECODE_ERRORS
from driftloop.codec.scalars import category_text
from outcome_ingestion.core.blocks import ROWS_A_RECORD, Block
from outcome_ingestion.core.json_rows import Find
from outcome_ingestion.core.layout import ARROW_KINDS, Layout
from outcome_ingestion.core.moments import parse_moments
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable, unknown_model
from outcome_ingestion.core.values import fit
from outcome_ingestion.core.versions import VERSION

Columns = dict[str, pa.Array]
Refused = dict[int, Refusal]
_PLAIN = ("model_version", "label_source", "weight", "confidence", "latency_ms", "status", "cost", "tokens")


def column_block(value: bytes, find: Find) -> Block:
    """The rows of a record; raises `Refusal` where it is no columnar JSON or its columns differ in length."""
    try:
        batch = column_decoder.decode(value)
    except DECODE_ERRORS as error:
        raise undecodable(error) from error
    reader = find(batch.model_id)
    if reader is None:
        raise unknown_model(batch.model_id)
    rows = len(batch.prediction_id)
    if not 0 < rows < ROWS_A_RECORD:
        raise invalid("BadColumns", f"a record holds 1 to {ROWS_A_RECORD - 1} rows, this one {rows}")
    reader.extra_features += sum(rows for name in batch.features if name not in reader.layout.raw)
    refused: Refused = {}
    columns = _columns(batch, reader.layout, rows, refused)
    zeros = np.zeros(rows, dtype=np.int64)
    return Block(reader.layout, batch.prediction_id, np.arange(rows, dtype=np.int64), zeros, columns, refused)


def _columns(batch: ColumnBatch, layout: Layout, rows: int, refused: Refused) -> Columns:
    columns: Columns = {}
    for name in ("predicted_at", "labelled_at"):
        columns[name], wrong = parse_moments(_whole(getattr(batch, name), rows, name), name)
        refused |= wrong
    for name in _PLAIN:
        columns[name] = pa.array(_whole(getattr(batch, name), rows, name), ROW_COLUMNS[name])
    for name, kind in layout.raw.items():
        values = _whole(batch.features.get(name), rows, name)
        columns[FEATURE + name] = fitted(values, kind, f"feature '{name}'", refused)
    columns |= _targets(batch.prediction, PREDICTION, layout, rows, refused)
    columns |= _targets(batch.label, LABEL, layout, rows, refused)
    for name in layout.spec.segments:
        columns[SEGMENT + name] = pa.array(_whole(batch.segment.get(name), rows, name), pa.string())
    for version, prediction in sorted(batch.shadow.items()):
        if not VERSION.fullmatch(version):
            raise invalid("BadVersion", f"the shadow version '{version[:40]}' is not major.minor.patch")
        columns |= _targets(prediction, f"{SHADOW}{version}.", layout, rows, refused)
    if batch.attributes:
        columns["attributes"] = _attributes(batch.attributes, rows)
    return columns


def _whole(values: Any, rows: int, name: str) -> Sequence[Any]:
    """A column of the record's length: a missing one is nulls, one value stands for all rows."""
    if values is None or isinstance(values, str):
        return [values] * rows
    if len(values) != rows:
        raise invalid("BadColumns", f"the column '{name}' has {len(values)} values, prediction_id has {rows}")
    return values  # type: ignore[no-any-return]


def _targets(given: Any, prefix: str, layout: Layout, rows: int, refused: Refused) -> Columns:
    if not isinstance(given, dict):
        if given is not None and not layout.single:
            raise invalid("WrongType", f"{prefix} is one column, the spec has the fields {', '.join(layout.target)}")
        given = dict.fromkeys(layout.target, given)
    columns = {}
    for name, field in layout.target.items():
        if name not in given:
            raise invalid("MissingField", f"{prefix} lacks the field '{name}'")
        columns[prefix + name] = fitted(_whole(given[name], rows, prefix + name), field.kind, prefix + name, refused)
    _refuse_halves(columns, prefix, refused)
    return columns


def _refuse_halves(columns: Columns, prefix: str, refused: Refused) -> None:
    """Rows that have a value for some fields of the target and none for others."""
    if len(columns) > 1:
        counts = sum(column.is_valid().cast(pa.int64()).to_numpy() for column in columns.values())
        for row in np.flatnonzero((counts > 0) & (counts < len(columns))).tolist():
            refused.setdefault(row, invalid("MissingField", f"{prefix} lacks a field in this row"))


def fitted(values: Sequence[Any], kind: str, what: str, refused: Refused) -> pa.Array:
    """A column of the declared kind; a value that does not fit refuses its row and is null."""
    try:
        if kind == "category":
            return pa.array([v if v is None or type(v) is str else category_text(v) for v in values], pa.string())
        return pa.array(values, ARROW_KINDS[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_fit(v, kind, what, row, refused) for row, v in enumerate(values)], ARROW_KINDS[kind])


def _fit(value: Any, kind: str, what: str, row: int, refused: Refused) -> float | str | None:
    try:
        return None if value is None else fit(value, kind, what)
    except Refusal as refusal:
        refused[row] = refusal
        return None


def _attributes(given: dict[str, list[str | None]], rows: int) -> pa.Array:
    columns = [(name, _whole(values, rows, name)) for name, values in sorted(given.items())]
    dicts = [{name: values[row] for name, values in columns if values[row] is not None} for row in range(rows)]
    return pa.array([msgspec.json.encode(d).decode() if d else None for d in dicts], pa.string())
