"""Lists of numbers in records: read from any encoding, and held against the lengths that a spec declares."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, SHADOW
from driftloop.codec.series import SERIES
from driftloop.spec.forecast import feature_steps, label_steps, prediction_steps
from outcome_ingestion.core.frames.blocks import Block
from outcome_ingestion.core.refusal import Refusal, invalid

Found = tuple[NDArray[np.bool_], str, str]
Refused = dict[int, Refusal]


def flat(value: object, what: str) -> list[float | None]:
    """A list of numbers and gaps as floats; a list in it (the quantiles of a step) is laid out in its place.

    >>> flat([1, None], "label"), flat([[1, 2], [3, 4]], "prediction")
    ([1.0, None], [1.0, 2.0, 3.0, 4.0])
    """
    if not isinstance(value, list):
        raise invalid("WrongType", f"{what} is declared a series and is no list: {str(value)[:40]!r}")
    found: list[float | None] = []
    for part in value:
        found += flat(part, what) if isinstance(part, list) else [_number(part, what)]
    return found


def _number(value: object, what: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("WrongType", f"{what} is declared a series of numbers and holds {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise invalid("WrongType", f"{what} holds a number that is too large") from error


def series_column(given: pa.Array, name: str, refused: Refused) -> pa.Array:
    """A column of an Arrow record as lists of numbers; raises `Refusal` where it holds no lists."""
    kind = given.type
    if not any(test(kind) for test in _LISTS):
        raise invalid("WrongType", f"the column '{name}' is {kind}: a series is a list of numbers")
    if any(test(kind.value_type) for test in _LISTS):
        column = pa.array([None if row is None else flat(row, name) for row in given.to_pylist()], SERIES)
    else:
        column = given.cast(SERIES)
    values = column.flatten()
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        for row in range(len(column)):
            if not pc.all(pc.is_finite(column.slice(row, 1).flatten()), min_count=0).as_py():
                refused.setdefault(row, invalid("NotFinite", f"{name} holds NaN or infinity; a gap is null"))
    return column


_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def series_findings(block: Block) -> Iterator[Found]:
    """Rows whose lists are not as long as the spec says, or whose forecast has a gap."""
    spec = block.layout.spec
    if spec.forecast is None:
        return
    for name in block.layout.raw:
        steps = feature_steps(spec, name)
        if steps:
            yield from _of_length(block, FEATURE + name, steps, f"feature '{name}'")
    for name in block.layout.target:
        yield from _of_length(block, LABEL + name, label_steps(spec), f"label '{name}'")
        said = [PREDICTION + name, *(one for one in block.columns if one.startswith(SHADOW) and one.endswith(name))]
        for column in said:
            yield from _of_length(block, column, prediction_steps(spec), f"'{column}'")
            gaps = _rows_with_gaps(block.columns[column])
            yield gaps, "MissingField", f"'{column}' has a gap: a forecast has a value for every step"


def _of_length(block: Block, name: str, steps: int, what: str) -> Iterator[Found]:
    lengths = pc.fill_null(pc.list_value_length(block.columns[name]), steps).to_numpy()
    wrong = lengths != steps
    if wrong.any():
        seen = int(lengths[np.flatnonzero(wrong)[0]])
        yield wrong, "WrongLength", f"{what} has {seen} values, the spec asks for {steps}"


def _rows_with_gaps(column: pa.ListArray) -> NDArray[np.bool_]:
    found = np.zeros(len(column), dtype=np.bool_)
    values = column.flatten()
    if values.null_count:
        parents = pc.list_parent_indices(column).to_numpy()
        found[parents[values.is_null().to_numpy(zero_copy_only=False)]] = True
    return found
