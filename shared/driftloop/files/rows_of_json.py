"""JSON lines, and a JSON array of objects."""

import json
import re
from pathlib import Path

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.duck import UnreadableError, answer
from driftloop.files.faults import NoRowsError
from driftloop.files.spool import Spooled

LARGEST_OBJECT = 1 << 26
_READ = (
    "read_json($path, format = $form, sample_size = -1, maximum_object_size = $largest, "
    "convert_strings_to_integers = false, dateformat = 'never', timestampformat = 'never', "
    "map_inference_threshold = -1)"
)


def looks_like_json(sample: str) -> str | None:
    """`jsonl` or `json` where a text begins as one; else None.

    >>> looks_like_json('{"a": 1}\\n{"a": 2}'), looks_like_json('[{"a": 1}]'), looks_like_json("a,b")
    ('jsonl', 'json', None)
    """
    text = sample.lstrip()
    if text.startswith("{"):
        return "jsonl"
    return "json" if re.match(r"\[\s*[\[{\d\"-]", text) else None


def read_json(spooled: Spooled, name: str, form: str, rows: int | None) -> pa.Table:
    """Columns by key: numbers, booleans and text as they are written.

    Keys whose values are of several kinds are text. Raises UserError, without a value of the file.
    """
    if _is_one_object(spooled) or (form == "json" and not re.match(r"\s*\[\s*\{", spooled.sample)):
        raise UserError(
            f"{name} is JSON, but no table: write one object a line, or an array of objects.", ExitCode.USAGE
        )
    words = {
        "path": str(spooled.path),
        "form": "newline_delimited" if form == "jsonl" else "array",
        "largest": LARGEST_OBJECT,
    }
    try:
        kinds = answer(f"DESCRIBE SELECT * FROM {_READ}", words).to_pylist()  # noqa: S608  (no word of a person is in it)
        columns = ", ".join(_selected(one["column_name"], one["column_type"]) for one in kinds)
        limit = "" if rows is None else f" LIMIT {int(rows)}"
        table = answer(f"SELECT {columns} FROM {_READ}{limit}", words)  # noqa: S608  (names are quoted)
    except UnreadableError as error:
        raise UserError(f"{name} cannot be read as JSON: {_reason(spooled.path, form)}.", ExitCode.USAGE) from error
    if table.num_rows == 0 or table.num_columns == 0:
        raise NoRowsError(f"{name} has no rows.", ExitCode.USAGE)
    return table


def _selected(name: str, kind: str) -> str:
    """A column of the result; where values are of several kinds, their text (without JSON's quotes)."""
    quoted = '"' + name.replace('"', '""') + '"'
    return f"{quoted} ->> '$' AS {quoted}" if kind == "JSON" else quoted


def _is_one_object(spooled: Spooled) -> bool:
    text = spooled.sample.strip()
    if not spooled.whole or not text.startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _reason(path: Path, form: str) -> str:
    """Where it breaks, without what stands there."""
    if form == "json":
        return "its brackets and quotes do not fit together"
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line) if line.strip() else {}
            except ValueError:
                return f"line {number} is no JSON"
            if not isinstance(value, dict):
                return f"line {number} is no object"
    return "its rows do not fit together"
