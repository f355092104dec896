"""The rows of a file as recorded outcomes: which column is what, in the order in which they happened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.scalars import category_text
from driftloop.codec.time_words import how_to_write_all
from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.files.table import Table
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.replay.stream import EventTime, row_id
from driftloop.tools.watch.options import WatchOptions

MOMENT = pa.timestamp("us", tz="UTC")
ONLY_VERSION = "recorded"


@dataclass(frozen=True, slots=True)
class RecordedOutcomes:
    """Rows in the order in which they happened.

    `columns` has the columns of `prediction-outcomes` (`prediction_id`, `predicted_at`, `feature.NAME` …), and
    `rows` the place of each row in the file. `notes` are sentences about what was decided for the user.
    """

    spec: ModelSpec
    columns: Mapping[str, pa.Array]
    rows: NDArray[np.int64]
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def target(self) -> str:
        """The only target field."""
        return next(iter(self.spec.target))

    def take(self, which: NDArray[np.intp]) -> "RecordedOutcomes":
        """Some of the rows, in their order."""
        places = pa.array(which)
        return replace(self, columns={n: c.take(places) for n, c in self.columns.items()}, rows=self.rows[which])

    def with_columns(self, columns: Mapping[str, pa.Array]) -> "RecordedOutcomes":
        """The same rows, some columns of which are others."""
        return replace(self, columns={**self.columns, **columns})

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """All rows as record batches for `prediction-outcomes`, at most `size` in one."""
        whole = pa.RecordBatch.from_pydict(dict(self.columns))
        whole = whole.replace_schema_metadata({"model_id": self.spec.model_id})
        for first in range(0, len(self), size):
            yield whole.slice(first, size)

    def numbers_or_texts(self, name: str) -> NDArray[np.generic]:
        """A column as learners and profiles take it: float64 with NaN, or objects with None."""
        column = self.columns[name]
        if pa.types.is_floating(column.type):
            return np.asarray(column.fill_null(float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)
        return np.array(column.to_pylist(), dtype=object)


def no_times(name: str, column: pa.ChunkedArray | pa.Array) -> UserError:
    """The error of a column that was named as one of times and could not be read as such."""
    how = how_to_write_all(column.slice(0, 100).to_pylist())
    return UserError(f"The column {name} holds no times{f': {how}' if how else ''}.", ExitCode.USAGE)


def in_order_of_time(table: Table, options: WatchOptions) -> tuple[pa.Array, pa.Table, NDArray[np.int64], list[str]]:
    """When each row happened, the table in that order, each row's place in the file, and what was said of it."""
    if options.time is None:
        time, rows = EventTime(), np.arange(len(table), dtype=np.int64)
        return time.column(0, len(table)), table.data, rows, [_without_time(table)]
    column = table.data.column(options.time)
    if not pa.types.is_timestamp(column.type):
        raise no_times(options.time, column)
    moments = column.combine_chunks().cast(MOMENT)
    if moments.null_count:
        raise UserError(
            f"{counted(moments.null_count, 'row', 'have')} no {options.time}: fill it, or leave --time out.",
            ExitCode.USAGE,
        )
    micros = moments.cast(pa.int64()).to_numpy()
    behind = int(np.count_nonzero(np.diff(micros) < 0))
    if not behind:
        return moments, table.data, np.arange(len(table), dtype=np.int64), []
    order = np.argsort(micros, kind="stable").astype(np.int64)
    places = pa.array(order)
    note = f"{counted(behind, 'row', 'were')} older than the row before them: rows are sorted by {options.time}."
    return moments.take(places), table.data.take(places), order, [note]


def _without_time(table: Table) -> str:
    there = next((one.name for one in table.data.schema if pa.types.is_timestamp(one.type)), None)
    if there is None:
        return "No column tells the time: rows are a minute apart."
    return f"No --time is named: rows are in the file's order, a minute apart ({there} holds times)."


def classes(values: pa.Array) -> pa.Array:
    """A column of classes in their one spelling: `1`, `1.0` and `"1"` are one class, `True` is `true`."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "true", "false")
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_null(values.type):
        return values.cast(pa.string())
    distinct = values.dictionary_encode()
    texts = pa.array([category_text(value) for value in distinct.dictionary.to_pylist()], pa.string())
    return texts.take(distinct.indices)


def numbers(name: str, values: pa.Array) -> pa.Array:
    """A column of numbers as float64; raises UserError where it holds text."""
    if pa.types.is_string(values.type):
        raise UserError(f"The column {name} holds text where numbers are needed.", ExitCode.USAGE)
    if pa.types.is_timestamp(values.type):
        return pc.divide(values.cast(pa.int64()).cast(pa.float64()), 1e6)
    if pa.types.is_time(values.type):
        return pc.divide(values.cast(pa.int64()).cast(pa.float64()), 1e6)
    return values.cast(pa.int8()).cast(pa.float64()) if pa.types.is_boolean(values.type) else values.cast(pa.float64())


def ids_of(
    data: pa.Table, options: WatchOptions, rows: NDArray[np.int64], moments: pa.Array
) -> tuple[pa.Array, list[str]]:
    """The id of each row, and what was said of it.

    An id that comes again at another time is another prediction, and gets its row's number behind it; one that comes
    again at the same time is a resend. A row without an id is named by its number.
    """
    if options.id is None:
        return pa.array([row_id(int(row)) for row in rows]), []
    given = classes(data.column(options.id).combine_chunks())
    if not given.null_count and pc.count_distinct(given).as_py() == len(given):
        return given, []
    first: dict[str, object] = {}
    found, again = [], 0
    for name, at, row in zip(given.to_pylist(), moments.to_pylist(), rows.tolist(), strict=True):
        other = name is not None and first.setdefault(name, at) != at
        again += other
        found.append(row_id(row) if name is None else f"{name}@{row}" if other else name)
    said = (
        [f"{counted(given.null_count, 'row', 'have')} no {options.id}: the number in the file is the id."]
        if given.null_count
        else []
    )
    if again:
        said.append(
            f"{options.id} names {counted(again, 'row')} by an id of an earlier row: each counts as a prediction of "
            "its own."
        )
    return pa.array(found, pa.string()), said


def told_first(ids: pa.Array, options: WatchOptions) -> tuple[NDArray[np.int64], list[str]]:
    """The rows without the resends, and what is said of those: the first telling counts, as it does on the log."""
    rows = np.arange(len(ids), dtype=np.int64)
    if options.id is None or pc.count_distinct(ids).as_py() == len(ids):
        return rows, []
    codes = ids.dictionary_encode().indices.to_numpy()
    first = np.sort(np.unique(codes, return_index=True)[1]).astype(np.int64)
    again = len(ids) - len(first)
    return first, [
        f"{counted(again, 'row', 'tell')} a prediction again ({options.id}, same time): the first of each counts."
    ]


def start_of(moments: pa.Array) -> datetime:
    """When the first row happened."""
    first: datetime = moments[0].as_py()
    return first
