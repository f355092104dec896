"""What the contract asks of a row beyond its types, checked over whole columns."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import LABEL, PREDICTION
from driftloop.contracts.outcome_fields import names_of, number_bounds
from outcome_ingestion.core.decode.lists.series import series_findings
from outcome_ingestion.core.decode.timestamps import EARLIEST_US, LATEST_US
from outcome_ingestion.core.frames.blocks import Block, Ints, Mask, only_text, present
from outcome_ingestion.core.frames.frame_sizes import row_bytes
from outcome_ingestion.core.refusal import invalid
from outcome_ingestion.core.versions import BAD_VERSION, VERSION

_MOMENTS, _BOUNDS = names_of("moment"), number_bounds()
_OF_ANY_SIZE = (pa.StringArray, pa.ListArray)
_MOST_A_VALUE = 9
"""Bytes of a number or a time, and more than the bit that says whether it is there."""
Finding = tuple[Mask | Ints, str, str]


def check_rows(block: Block, latest: Ints | None, most_bytes: int) -> None:
    """Add a refusal for each row that breaks the contract (the first thing wrong is the one named).

    `latest` is the last believable time of each row in microseconds, None where there is no bound.
    `most_bytes` is what a frame has at most: a row that is too large by itself has no place on the log.
    """
    for row, size in _too_large(block, most_bytes):
        sentence = f"a frame of this row alone takes {size:,} bytes, the limit is {most_bytes:,} (frame_bytes)"
        block.refusals.setdefault(row, invalid("RowTooLarge", sentence))
    for rows, error_class, sentence in _findings(block, latest):
        if rows.any():
            for row in np.flatnonzero(rows).tolist():
                block.refusals.setdefault(row, invalid(error_class, sentence))


def _too_large(block: Block, most_bytes: int) -> list[tuple[int, int]]:
    """Rows that no frame has room for, and the size of each; a rough sum settles it for nearly all blocks."""
    columns = [block.ids, *block.columns.values()]
    around = block.layout.bytes_around
    if sum(map(_most_bytes, columns)) + around <= most_bytes:
        return []
    sizes = row_bytes(columns) + around
    return [(row, int(sizes[row])) for row in np.flatnonzero(sizes > most_bytes).tolist()]


def _most_bytes(column: pa.Array) -> int:
    """No less than what a column takes; to ask Arrow for it costs more than many a check of all its values."""
    return int(column.nbytes) if isinstance(column, _OF_ANY_SIZE) else _MOST_A_VALUE * len(column)


def _findings(block: Block, latest: Ints | None) -> Iterator[Finding]:
    yield from _time_findings(block, latest)
    yield from _number_findings(block)
    predicted, labelled = block.has(PREDICTION), block.has(LABEL)
    versioned = present(block.columns["model_version"])
    yield predicted != versioned, "HalfPrediction", "prediction and model_version go together: give both, or neither"
    if len(block.layout.target) > 1:
        partly = ~predicted & ~labelled & block.has_some(LABEL)
        yield partly, "MissingField", "the label lacks a field of the target, and a row without a prediction needs all"
    yield ~predicted & ~labelled, "EmptyRow", "a row needs a prediction, a label, or both"
    yield from _version_findings(block)
    yield from series_findings(block)


def _time_findings(block: Block, latest: Ints | None) -> Iterator[Finding]:
    for name in _MOMENTS:
        column = block.columns[name]
        times = block.times(name)
        if _all_within(column, times) and (latest is None or np.all(times <= latest)):
            continue
        given = present(column)
        if name == "predicted_at":
            yield ~given, "MissingField", "predicted_at is missing"
        wrong = given & ((times < EARLIEST_US) | (times >= LATEST_US))
        yield wrong, "TimeOutOfRange", f"{name} is not between 1990 and 2100"
        if latest is not None:
            yield given & (times > latest), "TimeInFuture", f"{name} is far after the time of its record"


def _all_within(column: pa.Array, times: Ints) -> bool:
    return column.null_count == 0 and len(times) > 0 and bool(times.min() >= EARLIEST_US and times.max() < LATEST_US)


def _number_findings(block: Block) -> Iterator[Finding]:
    for name, (low, high) in _BOUNDS.items():
        column = block.columns.get(name)
        if column is None or column.null_count == len(column):
            continue
        values = column.to_numpy(zero_copy_only=False)
        wrong = present(column) & ~(np.isfinite(values) & (values >= low) & (values <= high))
        yield wrong, "OutOfRange", f"{name} is not a finite number in its range"


def _version_findings(block: Block) -> Iterator[Finding]:
    column = block.columns["model_version"]
    only = only_text(column)
    for version in pc.unique(column).to_pylist() if only is None else [only]:
        if version is not None and not VERSION.fullmatch(version):
            wrong = (
                pc.equal(column, pa.scalar(version)).fill_null(pa.scalar(value=False)).to_numpy(zero_copy_only=False)
            )
            yield wrong, "BadVersion", f"the version '{version[:40]}' {BAD_VERSION}"
