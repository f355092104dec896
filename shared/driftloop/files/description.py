"""What a file turned out to be, for a person and for a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftloop.counted import counted

_SEPARATORS = {"\t": "a tab", " ": "a space", ",": "a comma"}
_FORMATS = {"csv": "CSV", "jsonl": "JSON lines", "json": "JSON", "parquet": "Parquet", "feather": "Feather"}
_FORMATS |= {
    "sagemaker": "data capture of SageMaker",
    "azureml": "Azure ML's data collector",
    "databricks": "an inference table of Databricks",
    "vertex": "a request-response log of Vertex AI",
    "bentoml": "BentoML's monitoring log",
    "archive": "driftloop's archive",
}
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FileDescription:
    """How a table was read. `separator`, `decimal` and `encoding` are None where the format has none.

    `rows` counts those that were read, `rows_in_file` those before `--sample` (equal without it). `notes`
    are sentences about what was odd: they name columns, and never hold a value of the file. `unread` names
    the columns that are there and hold lists or bytes.
    """

    name: str
    format: str
    separator: str | None
    decimal: str | None
    encoding: str | None
    packing: str | None
    rows: int
    columns: int
    rows_in_file: int
    files: int = 1
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "name": self.name,
            "format": self.format,
            "separator": self.separator,
            "decimal": self.decimal,
            "encoding": self.encoding,
            "packing": self.packing,
            "rows": self.rows,
            "columns": self.columns,
            "rows_in_file": self.rows_in_file,
            "files": self.files,
            "notes": list(self.notes),
        }

    def not_a_column(self, name: str, columns: Sequence[str]) -> str:
        """A sentence for a name that none of the `columns` has.

        >>> file = FileDescription("a.parquet", "parquet", None, None, None, None, 9, 2, 9, unread=("tags",))
        >>> file.not_a_column("tags", ["x", "y"])
        'tags holds lists or bytes, and those are not read: write it as text or numbers.'
        >>> file.not_a_column("z", ["x", "y"])
        'z is not a column of the file; its columns are x, y.'
        """
        if name in self.unread:
            return f"{name} holds lists or bytes, and those are not read: write it as text or numbers."
        there = ", ".join(columns[:_SHOWN]) + (", …" if len(columns) > _SHOWN else "")
        return f"{name} is not a column of the file; its columns are {there}."

    def sentence(self) -> str:
        """In one line.

        >>> FileDescription("a.csv", "csv", ";", ",", "latin-1", "gzip", 1200, 8, 1200).sentence()
        'a.csv: CSV, separated by ;, decimal comma, latin-1, gzip; 1,200 rows of 8 columns.'
        """
        parts = [_FORMATS[self.format]]
        if self.separator is not None:
            parts.append(f"separated by {_SEPARATORS.get(self.separator, self.separator)}")
        if self.decimal == ",":
            parts.append("decimal comma")
        parts += [word for word in (self.encoding, self.packing) if word is not None]
        if self.files > 1:
            parts.append(f"{self.files} files")
        count = f"{counted(self.rows, 'row')}"
        if self.rows != self.rows_in_file:
            count += f" (a sample of {self.rows_in_file:,})"
        return f"{self.name}: {', '.join(parts)}; {count} of {counted(self.columns, 'column')}."
