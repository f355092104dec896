"""Decoded rows to columns: one call a column over all rows, no loop over cells in Python."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, SHADOW
from driftloop.codec.scalars import category_text
from driftloop.contracts.outcome_fields import names_of
from outcome_ingestion.core.decode.json_rows import ROW_FIELDS, Row
from outcome_ingestion.core.decode.layout import ARROW_KINDS, Layout
from outcome_ingestion.core.decode.lists.series import flat
from outcome_ingestion.core.decode.lists.vectors import vector_column
from outcome_ingestion.core.decode.timestamps import parse_moments
from outcome_ingestion.core.decode.values import fit_target
from outcome_ingestion.core.refusal import Refusal, invalid
from outcome_ingestion.core.versions import BAD_VERSION, VERSION

_MOMENTS, _PLAIN = names_of("moment"), names_of("text", "choice", "number", "whole")
_astuple = msgspec.structs.astuple

Columns = dict[str, pa.Array]
Refused = dict[int, Refusal]


def columns_of(rows: Sequence[Row], layout: Layout) -> tuple[list[str], Columns, Refused]:
    """Ids and columns (by the names of frames) of rows, and the rows that turn out to be wrong."""
    fields: dict[str, Sequence[Any]] = dict(zip(ROW_FIELDS, zip(*map(_astuple, rows), strict=True), strict=True))
    columns: Columns = {}
    refused: Refused = {}
    for name in _MOMENTS:
        columns[name], wrong = parse_moments(fields[name], name)
        refused |= wrong
    for name in _PLAIN:
        columns[name] = pa.array(fields[name], ROW_COLUMNS[name])
    columns |= _features(fields["features"], layout, refused)
    columns |= _targets(fields["prediction"], PREDICTION, layout) | _targets(fields["label"], LABEL, layout)
    columns |= _maps(fields, layout, refused)
    return list(fields["prediction_id"]), columns, refused


def _features(structs: Sequence[Any], layout: Layout, refused: Refused) -> Columns:
    kinds = layout.raw
    if all(kind == "number" for kind in kinds.values()):
        width = len(kinds)
        flat = np.fromiter(chain.from_iterable(map(_astuple, structs)), np.float64, count=len(structs) * width)
        table = np.ascontiguousarray(flat.reshape(-1, width).T)
        return {FEATURE + name: pa.array(table[i], from_pandas=True) for i, name in enumerate(kinds)}
    columns = zip(*map(_astuple, structs), strict=True)
    return {
        FEATURE + name: vector_column(values, layout.widths[name], name, refused)
        if name in layout.widths
        else _column(values, kind)
        for (name, kind), values in zip(kinds.items(), columns, strict=True)
    }


def _targets(values: Sequence[Any], prefix: str, layout: Layout) -> Columns:
    if layout.single:
        return {prefix + layout.single: _column(values, layout.target[layout.single].kind)}
    nothing = (None,) * len(layout.target)
    tuples = [nothing if v is None else v if type(v) is tuple else _astuple(v) for v in values]
    columns = zip(*tuples, strict=True)
    return {
        prefix + name: _column(column, field.kind)
        for (name, field), column in zip(layout.target.items(), columns, strict=True)
    }


def _column(values: Sequence[Any], kind: str) -> pa.Array:
    if kind == "category":
        values = [v if v is None or type(v) is str else category_text(v) for v in values]
    if kind == "series":
        values = [v if v is None else flat(v, "series") for v in values]
    return pa.array(values, ARROW_KINDS[kind])


def _maps(fields: dict[str, Sequence[Any]], layout: Layout, refused: Refused) -> Columns:
    """Segments that the spec names, shadow predictions, and the attributes as JSON text."""
    columns: Columns = {}
    for name in layout.spec.segments:
        texts = [given.get(name) if given else None for given in fields["segment"]]
        columns[SEGMENT + name] = pa.array(texts, pa.string())
    attributes = fields["attributes"]
    if attributes.count(msgspec.UNSET) < len(attributes):
        texts = [msgspec.json.encode(given, order="sorted").decode() if given else None for given in attributes]
        columns["attributes"] = pa.array(texts, pa.string())
    if fields["shadow"].count(msgspec.UNSET) < len(attributes):
        columns |= _shadows(fields["shadow"], layout, refused)
    return columns


def _shadows(given: Sequence[Any], layout: Layout, refused: Refused) -> Columns:
    values: dict[str, list[Any]] = {}
    for row, shadow in enumerate(given):
        try:
            _add_shadow(shadow or {}, row, len(given), layout, values)
        except Refusal as refusal:
            refused[row] = refusal
    kinds = {f"{name}": field.kind for name, field in layout.target.items()}
    return {
        f"{SHADOW}{version}.{name}": pa.array([None if v is None else v[i] for v in column], ARROW_KINDS[kind])
        for version, column in sorted(values.items())
        for i, (name, kind) in enumerate(kinds.items())
    }


def _add_shadow(shadow: dict[str, Any], row: int, rows: int, layout: Layout, values: dict[str, list[Any]]) -> None:
    for version, prediction in shadow.items():
        if not VERSION.fullmatch(version):
            raise invalid("BadVersion", f"the shadow version '{version[:40]}' {BAD_VERSION}")
        values.setdefault(version, [None] * rows)[row] = fit_target(prediction, layout.target, f"shadow of {version}")
