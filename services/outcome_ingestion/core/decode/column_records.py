"""Columnar JSON: one record, many rows of one model.

Why the records of a batch are laid end to end before anything is checked: a check of a column costs
about the same for 500 rows as for 5,000.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from driftloop.codec.columns import ColumnBatch, column_decoder, vector_column_decoder
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, SHADOW
from driftloop.codec.outcomes import DECODE_ERRORS, model_decoder
from driftloop.codec.scalars import category_text
from driftloop.contracts.outcome_fields import names_of
from outcome_ingestion.core.decode.fast.json_shapes import learn_column_shape
from outcome_ingestion.core.decode.fast.repeated_keys import repeated, repeated_in_columns
from outcome_ingestion.core.decode.json_rows import Find, Lesson, RowReader
from outcome_ingestion.core.decode.layout import ARROW_KINDS, Layout
from outcome_ingestion.core.decode.lists.vectors import vector_column
from outcome_ingestion.core.decode.timestamps import parse_moments
from outcome_ingestion.core.decode.values import Fitted, fit
from outcome_ingestion.core.frames.blocks import ROWS_A_RECORD, Block
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable, unknown_model
from outcome_ingestion.core.versions import BAD_VERSION, VERSION

Columns = dict[str, pa.Array]
Refused = dict[int, Refusal]
Lists = dict[str, Any]
"""Column name (as in frames) → its values: a list, one text for all rows, or None."""
NUMBERS = {float, type(None)}
_MOMENTS, _PLAIN = names_of("moment"), names_of("text", "choice", "number", "whole")


def column_blocks(records: Sequence[tuple[int, bytes]], find: Find) -> tuple[list[Block], Refused]:
    """The rows of all records, one block a model, and the records that are no columnar JSON."""
    groups: dict[str, tuple[RowReader, list[tuple[int, ColumnBatch, Lists]]]] = {}
    dead: Refused = {}
    reader: RowReader | None = None
    for index, value in records:
        try:
            batch, reader = _decode(value, find, reader)
            lists = _lists(batch, reader)
        except DECODE_ERRORS as error:
            dead[index] = undecodable(error)
        except Refusal as refusal:
            dead[index] = refusal
        else:
            groups.setdefault(batch.model_id, (reader, []))[1].append((index, batch, lists))
    return [_block(reader, found) for reader, found in groups.values()], dead


def learn_columns(value: bytes, find: Find) -> Lesson | None:
    """The shape of a columnar record and the reader of its model; None where it has something unusual."""
    try:
        batch, reader = _decode(value, find, None)
        _lists(batch, reader)
    except (Refusal, *DECODE_ERRORS):
        return None
    odd = isinstance(batch.features, dict) or reader.layout.has_series or reader.layout.widths
    shape = None if odd else learn_column_shape(value, reader.layout)  # lists are checked one by one
    return None if shape is None else (reader, shape)


def _decode(value: bytes, find: Find, last: RowReader | None) -> tuple[ColumnBatch, RowReader]:
    """A record's columns and its model's reader; raises what a decoder raises, and `Refusal`.

    `last` is the reader of the record before: tried first, as most batches have one model.
    """
    batch, reader = _read(value, find, last)
    if (name := repeated_in_columns(value, batch)) is not None:
        raise repeated(name)
    return batch, reader


def _read(value: bytes, find: Find, last: RowReader | None) -> tuple[ColumnBatch, RowReader]:
    batch: ColumnBatch
    if last is not None:
        with suppress(*DECODE_ERRORS):
            batch = last.columns.decode(value)
            return batch, last
    model_id = model_decoder.decode(value).model_id
    reader = find(model_id)
    if reader is None:
        raise unknown_model(model_id)
    try:
        batch = reader.columns.decode(value)
    except DECODE_ERRORS:
        batch = (vector_column_decoder if reader.layout.widths else column_decoder).decode(value)
    return batch, reader


def _block(reader: RowReader, records: list[tuple[int, ColumnBatch, Lists]]) -> Block:
    counts = [len(batch.prediction_id) for _, batch, _ in records]
    names = dict.fromkeys(name for _, _, lists in records for name in lists)
    whole = {name: _end_to_end([lists.get(name) for _, _, lists in records], counts) for name in names}
    refused: Refused = {}
    typed = all(not isinstance(batch.features, dict) for _, batch, _ in records)
    columns = _columns(whole, reader.layout, refused, typed=typed)
    ids = pa.array(list(chain.from_iterable(batch.prediction_id for _, batch, _ in records)), pa.string())
    firsts = np.repeat([index * ROWS_A_RECORD for index, _, _ in records], counts)
    places = firsts + np.concatenate([np.arange(count) for count in counts])
    return Block(reader.layout, ids, places, np.zeros(len(ids), dtype=np.int64), columns, refused)


def _end_to_end(parts: list[Any], counts: list[int]) -> list[Any]:
    """A column over all records. A text or None stands for all rows of its record."""
    if len(parts) == 1 and isinstance(parts[0], list):
        return parts[0]
    whole: list[Any] = []
    for part, count in zip(parts, counts, strict=True):
        whole += part if isinstance(part, list) else [part] * count
    return whole


def _lists(batch: ColumnBatch, reader: RowReader) -> Lists:
    """The columns of one record by the names of frames; raises `Refusal` where they do not fit together."""
    layout, rows = reader.layout, len(batch.prediction_id)
    if not 0 < rows < ROWS_A_RECORD:
        raise invalid("BadColumns", f"a record holds 1 to {ROWS_A_RECORD - 1} rows, this one {rows}")
    lists: Lists = {name: getattr(batch, name) for name in (*_MOMENTS, *_PLAIN)}
    if isinstance(batch.features, dict):
        reader.extra_features += rows * sum(name not in layout.raw for name in batch.features)
        lists |= {FEATURE + name: batch.features.get(name) for name in layout.raw}
    else:
        given = msgspec.structs.astuple(batch.features)
        lists |= {FEATURE + name: values for name, values in zip(layout.raw, given, strict=True)}
    lists |= _target_lists(batch.prediction, PREDICTION, layout) | _target_lists(batch.label, LABEL, layout)
    lists |= {SEGMENT + name: batch.segment.get(name) for name in layout.spec.segments}
    for version, prediction in batch.shadow.items():
        if not VERSION.fullmatch(version):
            raise invalid("BadVersion", f"the shadow version '{version[:40]}' {BAD_VERSION}")
        lists |= _target_lists(prediction, f"{SHADOW}{version}.", layout)
    for name, values in [*lists.items(), *batch.attributes.items()]:
        if isinstance(values, list) and len(values) != rows:
            raise invalid("BadColumns", f"the column '{name}' has {len(values)} values, prediction_id has {rows}")
    if batch.attributes:
        lists["attributes"] = _attributes(batch.attributes, rows)
    return lists


def _target_lists(given: Any, prefix: str, layout: Layout) -> Lists:
    if given is None:
        return {prefix + name: None for name in layout.target}
    if not isinstance(given, dict):
        if not layout.single:
            raise invalid("WrongType", f"{prefix} is one column, the spec has the fields {', '.join(layout.target)}")
        return {prefix + layout.single: given}
    missing = [name for name in layout.target if name not in given]
    if missing and (prefix != LABEL or len(missing) == len(layout.target)):
        raise invalid("MissingField", f"{prefix} lacks the field '{missing[0]}'")
    return {prefix + name: given.get(name) for name in layout.target}


def _attributes(given: dict[str, list[str | None]], rows: int) -> list[str | None]:
    columns = sorted(given.items())
    dicts = [{name: values[row] for name, values in columns if values[row] is not None} for row in range(rows)]
    return [msgspec.json.encode(one).decode() if one else None for one in dicts]


def _columns(lists: Lists, layout: Layout, refused: Refused, *, typed: bool) -> Columns:
    """Arrow columns. `typed` where the decoder has seen to it that number features are numbers."""
    columns: Columns = {}
    for name in _MOMENTS:
        columns[name], wrong = parse_moments(lists[name], name)
        refused |= wrong
    plain = [name for name in lists if name in _PLAIN or name == "attributes" or name.startswith(SEGMENT)]
    columns |= {name: pa.array(lists[name], ROW_COLUMNS.get(name, pa.string())) for name in plain}
    for name, kind in layout.raw.items():
        values = lists[FEATURE + name]
        if name in layout.widths:
            columns[FEATURE + name] = vector_column(values, layout.widths[name], name, refused)
            continue
        quick = typed and kind == "number"
        columns[FEATURE + name] = _floats(values) if quick else fitted(values, kind, f"feature '{name}'", refused)
    shadows = sorted({name.rpartition(".")[0] + "." for name in lists if name.startswith(SHADOW)})
    for prefix in (PREDICTION, LABEL, *shadows):
        for name, field in layout.target.items():
            columns[prefix + name] = fitted(lists[prefix + name], field.kind, prefix + name, refused)
        if prefix != LABEL:  # truths need not be known at once
            _refuse_halves([columns[prefix + name] for name in layout.target], prefix, refused)
    return columns


def _refuse_halves(columns: list[pa.Array], prefix: str, refused: Refused) -> None:
    """Rows that have a value for some fields of the target and none for others."""
    if len(columns) > 1:
        counts = sum(column.is_valid().cast(pa.int64()).to_numpy() for column in columns)
        for row in np.flatnonzero((counts > 0) & (counts < len(columns))).tolist():
            refused.setdefault(row, invalid("MissingField", f"{prefix} lacks a field in this row"))


def fitted(values: Sequence[Any], kind: str, what: str, refused: Refused) -> pa.Array:
    """A column of the declared kind; a value that does not fit refuses its row and is null."""
    if kind == "category":
        return pa.array([v if v is None or type(v) is str else category_text(v) for v in values], pa.string())
    if kind == "number" and set(map(type, values)) <= NUMBERS:
        return _floats(values)
    return pa.array([_fit(v, kind, what, row, refused) for row, v in enumerate(values)], ARROW_KINDS[kind])


def _floats(values: Sequence[float | None]) -> pa.Array:
    return pa.array(np.fromiter(values, np.float64, count=len(values)), from_pandas=True)


def _fit(value: Any, kind: str, what: str, row: int, refused: Refused) -> Fitted | None:
    try:
        return None if value is None else fit(value, kind, what)
    except Refusal as refusal:
        refused[row] = refusal
        return None
