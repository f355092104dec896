"""What a person may say about a file instead of having it detected."""

import codecs
from dataclasses import dataclass
from typing import Literal

from driftloop.errors import ExitCode, UserError

Format = Literal["csv", "jsonl", "json", "parquet", "feather"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "json", "parquet", "feather")
Named = Literal["sagemaker", "azureml", "databricks", "vertex", "bentoml"]
NAMED: tuple[Named, ...] = ("sagemaker", "azureml", "databricks", "vertex", "bentoml")
"""Logs of model servers that are read by name."""
SEPARATOR_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


@dataclass(frozen=True, slots=True)
class FileOptions:
    """None means: find it out.

    `rows`: read the first so many rows only. `sample`: keep so many rows, evenly spread over the file, in
    its order. `decimal` is `.` or `,`. `header` False: the first line is a row, columns are `column1`, ….
    `labels` is where the labels of a named log lie, where they do not lie in it.
    """

    format: Format | Named | None = None
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    header: bool | None = None
    rows: int | None = None
    sample: int | None = None
    labels: str | None = None

    @property
    def named(self) -> Named | None:
        """The log of a model server that it is, if any."""
        return next((one for one in NAMED if one == self.format), None)


def file_options(
    form: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    *,
    header: bool | None = None,
    rows: int | None = None,
    sample: int | None = None,
    labels: str | None = None,
) -> FileOptions:
    """Options from what a person wrote; raises UserError where a word makes no sense.

    >>> file_options(separator="tab", decimal=",").separator
    '\\t'
    """
    known = next((one for one in (*FORMATS, *NAMED) if one == (form or "").lower().replace("tsv", "csv")), None)
    if form is not None and known is None:
        raise UserError(f"There is no format {form}; choose one of {', '.join((*FORMATS, *NAMED))}.", ExitCode.USAGE)
    if labels is not None and known not in NAMED:
        raise UserError(f"--labels goes with one of the formats {', '.join(NAMED)}.", ExitCode.USAGE)
    if decimal not in (None, ".", ","):
        raise UserError("--decimal is a point or a comma.", ExitCode.USAGE)
    character = None if separator is None else SEPARATOR_WORDS.get(separator.lower(), separator)
    if character is not None and not 1 <= len(character.encode()) <= 4:
        raise UserError("--separator is one to four characters, or one of tab, comma, semicolon, pipe.", ExitCode.USAGE)
    if encoding is not None:
        _refuse_unknown_encoding(encoding)
    return FileOptions(
        known, character, "," if decimal == "," else "." if decimal == "." else None, encoding, header, rows, sample,
        labels,
    )  # fmt: skip


def _refuse_unknown_encoding(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise UserError(
            f"There is no encoding {name}; common ones are utf-8, utf-16, cp1252.", ExitCode.USAGE
        ) from error
