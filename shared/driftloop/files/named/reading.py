"""Reads a log that is known by its name, and the labels that lie beside it."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.named.formats import ENDS, FORMATS, sagemaker
from driftloop.files.named.joining import Joined, moment_of
from driftloop.files.named.records import Record, records_of
from driftloop.files.sources import find_sources
from driftloop.files.spool import head_of

_IDS = (
    "prediction_id",
    "id",
    "request_id",
    "correlationid",
    "inferenceId",
    "client_request_id",
    "databricks_request_id",
)


ReadTable = Callable[[str], pa.Table]
"""From an address to a table with typed columns."""


@dataclass(frozen=True, slots=True)
class NamedLog:
    """A row a prediction, the columns `OWN` among them, and sentences about what was left out."""

    data: pa.Table
    files: int
    notes: tuple[str, ...]


def read_named(address: str, form: str, labels: str | None, read_table: ReadTable) -> NamedLog:
    """The log at an address; `labels` is where its labels lie, where they do not lie in it.

    Labels are records (JSON lines) or any table, which `read_table` reads.
    Raises `UserError`, in one sentence, where nothing of the format is there.
    """
    joined, take = Joined(), FORMATS[form]
    sources = find_sources(address, all_files=True)
    for where, record in records_of(sources, joined):
        try:
            take(joined, where, record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            joined.fault(_why(error), where)
    if form in ENDS:
        try:
            ENDS[form](joined)
        except ValueError as error:
            raise UserError(f"{address} cannot be read as {form}: {error}.", ExitCode.USAGE) from error
    if labels is not None:
        _add_labels(joined, labels, read_table)
    data, notes = joined.table()
    if labels is not None and data.num_rows and "label" not in data.column_names:
        raise UserError(
            f"No label in {labels} belongs to a prediction in {address}: they need a column label, and a column id "
            f"with the ids of the log. {notes[0] if notes else ''}".rstrip(),
            ExitCode.USAGE,
        )
    if not data.num_rows:
        told = f" {notes[0]}" if notes else ""
        raise UserError(f"{address} holds no prediction in the format {form}.{told}", ExitCode.USAGE)
    return NamedLog(data, len(sources), notes)


def _why(error: Exception) -> str:
    """Without a value of the log: a missing key is named, other errors say what is wrong in our words or not at all."""
    if isinstance(error, KeyError):
        return f"a record without {error.args[0]}"
    if type(error) is ValueError and not hasattr(error, "doc"):
        return f"a damaged record ({error})"
    return "a damaged record"


def _add_labels(joined: Joined, address: str, read_table: ReadTable) -> None:
    for where, record in _labels_at(joined, address, read_table):
        try:
            if "groundTruthData" in record:
                sagemaker(joined, where, record)
            else:
                _add_label(joined, record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            joined.fault(f"{_why(error)}, among the labels", where)


def _labels_at(joined: Joined, address: str, read_table: ReadTable) -> Iterator[tuple[str, Record]]:
    sources = find_sources(address, all_files=True)
    head = next((head for head, _ in map(head_of, sources) if head.strip()), b"")
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{":
        yield from records_of(sources, joined)
        return
    for number, row in enumerate(read_table(address).to_pylist(), 1):
        yield f"{address.rsplit('/', 1)[-1]}, row {number}", row


def _add_label(joined: Joined, record: Record) -> None:
    name = next((name for name in _IDS if record.get(name) is not None), None)
    if name is None:
        raise KeyError("an id")
    if "label" not in record:
        raise KeyError("label")
    if record["label"] is not None and record["label"] == record["label"]:  # NaN is no label
        known = record.get("labelled_at")
        at = None if known is None else moment_of(known, joined)
        if known is not None and at is None:
            raise ValueError("its labelled_at is no time")
        joined.label(_id_text(record[name]), [record["label"]], at)


def _id_text(value: Any) -> str:
    """An id as text; a whole number that a join has made a float is that number."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
