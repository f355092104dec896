"""Reads a log that is known by its name, and the labels that lie beside it."""

from dataclasses import dataclass

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.named.formats import ENDS, FORMATS, sagemaker
from driftloop.files.named.joining import Joined
from driftloop.files.named.records import Record, records_of
from driftloop.files.sources import find_sources

_IDS = (
    "prediction_id",
    "id",
    "request_id",
    "correlationid",
    "inferenceId",
    "client_request_id",
    "databricks_request_id",
)


@dataclass(frozen=True, slots=True)
class NamedLog:
    """A row a prediction, the columns `OWN` among them, and sentences about what was left out."""

    data: pa.Table
    files: int
    notes: tuple[str, ...]


def read_named(address: str, form: str, labels: str | None) -> NamedLog:
    """The log at an address; `labels` is where its labels lie, where they do not lie in it.

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
        _add_labels(joined, labels)
    data, notes = joined.table()
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


def _add_labels(joined: Joined, address: str) -> None:
    for where, record in records_of(find_sources(address, all_files=True), joined):
        try:
            if "groundTruthData" in record:
                sagemaker(joined, where, record)
            else:
                _add_label(joined, record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            joined.fault(f"{_why(error)}, among the labels", where)


def _add_label(joined: Joined, record: Record) -> None:
    name = next((name for name in _IDS if record.get(name) is not None), None)
    if name is None:
        raise KeyError("an id")
    if "label" not in record:
        raise KeyError("label")
    if record["label"] is not None:
        joined.label(str(record[name]), [record["label"]])
