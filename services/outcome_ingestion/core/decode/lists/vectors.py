"""Vectors of rows: lists of numbers as producers send them, as the text that they travel as."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from driftloop.spec.vectors import vector_of, vector_text
from outcome_ingestion.core.refusal import Refusal, invalid


def vector_column(values: Sequence[Any], width: int, name: str, refused: dict[int, Refusal]) -> pa.Array:
    """A column of vectors, each a list, the text of one, or None; one that does not fit refuses its row.

    >>> refused = {}
    >>> vector_column([[1.0, -0.5], None, [1.0]], 2, "x", refused).to_pylist(), [*refused]
    (['AACAPwAAAL8=', None, None], [2])
    """
    texts: list[str | None] = []
    for row, value in enumerate(values):
        text = None
        try:
            if value is not None:
                text = value if isinstance(value, str) else vector_text(value)
                vector_of(text, width)
        except (ValueError, TypeError) as error:
            text = None
            refused.setdefault(row, invalid("WrongType", f"feature '{name}': {error}"))
        texts.append(text)
    return pa.array(texts, pa.string())


def as_lists(given: pa.Array) -> Sequence[Any] | None:
    """The values of an Arrow column that may hold vectors; None where it holds something else."""
    kind = given.type
    lists = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    if lists and not (kinds.is_floating(kind.value_type) or kinds.is_integer(kind.value_type)):
        return None
    if lists or kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_null(kind):
        found: Sequence[Any] = given.to_pylist()
        return found
    return None
