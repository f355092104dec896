"""Rows of one model on their way from records to a frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.identity.text_hashes import text_parts
from outcome_ingestion.core.refusal import Refusal

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

ROWS_A_RECORD = 1 << 21
"""A row's place in a batch is record index × this + its index in the record."""


@dataclass(slots=True)
class Block:
    """Columns of rows as decoded, by the names that frames give them.

    `places` orders the rows of a batch as they arrived. `refusals` has the rows that must not go
    on, by index.
    """

    layout: Layout
    ids: pa.StringArray
    places: Ints
    partitions: Ints
    columns: dict[str, pa.Array]
    refusals: dict[int, Refusal] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def times(self, name: str) -> Ints:
        """A time column in microseconds since 1970; 0 where it is null."""
        return microseconds(self.columns[name])

    def has(self, kind: str) -> Mask:
        """Which rows have a prediction (`PREDICTION`) or a label (`LABEL`), with every field of the target."""
        parts = [present(self.columns[kind + name]) for name in self.layout.target]
        return parts[0] if len(parts) == 1 else np.asarray(np.all(parts, axis=0), dtype=np.bool_)

    def has_some(self, kind: str) -> Mask:
        """Which rows have one with at least one field."""
        parts = [present(self.columns[kind + name]) for name in self.layout.target]
        return parts[0] if len(parts) == 1 else np.asarray(np.any(parts, axis=0), dtype=np.bool_)

    def without_refused(self) -> "Block":
        """The rows that go on."""
        if not self.refusals:
            return self
        keep = np.ones(len(self), dtype=np.bool_)
        keep[list(self.refusals)] = False
        return self.take(np.flatnonzero(keep))

    def take(self, rows: Ints) -> "Block":
        """These rows, in this order."""
        which = pa.array(rows)
        return Block(
            self.layout,
            self.ids.take(which),
            self.places[rows],
            self.partitions[rows],
            {name: column.take(which) for name, column in self.columns.items()},
        )


def microseconds(column: pa.Array) -> Ints:
    """Times as microseconds since 1970; 0 where null."""
    whole = column.cast(pa.int64())
    return np.asarray((whole.fill_null(0) if whole.null_count else whole).to_numpy(), dtype=np.int64)


def present(column: pa.Array) -> Mask:
    """True where the column is not null."""
    if column.null_count == 0:
        return np.ones(len(column), dtype=np.bool_)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def only_text(texts: pa.StringArray) -> str | None:
    """The text that all rows have; None where they differ, where one is null, or where there are none.

    >>> only_text(pa.array(["a", "a"])), only_text(pa.array(["aa", "a"])), only_text(pa.array(["a", None]))
    ('a', None, None)
    """
    if not len(texts) or texts.null_count:
        return None
    offsets, data = text_parts(texts)
    sizes = np.diff(offsets)
    if np.any(sizes != sizes[0]):
        return None
    first = data[offsets[0] : offsets[1]].tobytes()
    return first.decode() if data[offsets[0] : offsets[-1]].tobytes() == first * len(texts) else None


def joined(blocks: list[Block]) -> Block:
    """One block of several of the same layout, rows ordered by place; missing columns are nulls."""
    if len(blocks) == 1:
        return blocks[0]
    names = {name: column.type for block in blocks for name, column in block.columns.items()}
    columns = {name: _stacked(blocks, name, kind) for name, kind in names.items()}
    whole = Block(
        blocks[0].layout,
        pa.concat_arrays([block.ids for block in blocks]),
        np.concatenate([block.places for block in blocks]),
        np.concatenate([block.partitions for block in blocks]),
        columns,
    )
    order = np.argsort(whole.places, kind="stable")
    return whole if np.array_equal(order, np.arange(len(order))) else whole.take(order)


def _stacked(blocks: list[Block], name: str, kind: pa.DataType) -> pa.Array:
    parts = [block.columns.get(name) for block in blocks]
    filled = [pa.nulls(len(b), kind) if part is None else part for b, part in zip(blocks, parts, strict=True)]
    return pa.concat_arrays(filled)


def nulls_for(columns: Mapping[str, pa.Array], schema: pa.Schema, rows: int) -> dict[str, pa.Array]:
    """The columns in the order of the schema, nulls where one is lacking, extra ones last."""
    ordered = {f.name: columns[f.name] if f.name in columns else pa.nulls(rows, f.type) for f in schema}
    return ordered | {name: column for name, column in columns.items() if name not in ordered}
