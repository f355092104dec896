"""JSON lines, and a JSON array of objects."""

import json
from pathlib import Path

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.duck import UnreadableError, answer
from driftloop.files.spool import Spooled

LARGEST_OBJECT = 1 << 26


def looks_like_json(sample: str) -> str | None:
    """`jsonl` or `json` where a text begins as one; else None.

    >>> looks_like_json('{"a": 1}\\n{"a": 2}'), looks_like_json('[{"a": 1}]'), looks_like_json("a,b")
    ('jsonl', 'json', None)
    """
    text = sample.lstrip()
    if text.startswith("{"):
        return "jsonl"
    return "json" if text.startswith("[") and text[1:].lstrip().startswith("{") else None


def read_json(spooled: Spooled, name: str, form: str, rows: int | None) -> pa.Table:
    """Columns by key: numbers, booleans and text as they are written; an object in an object as `outer.inner`."""
    if _is_one_object(spooled):
        raise UserError(
            f"{name} is one JSON object, not a table: write a line for each row, or an array of rows.", ExitCode.USAGE
        )
    query = (
        "SELECT * FROM read_json($path, format = $form, sample_size = -1, maximum_object_size = $largest, "
        "convert_strings_to_integers = false, dateformat = 'never', timestampformat = 'never', "
        "map_inference_threshold = -1)"
    )
    query += f" LIMIT {int(rows)}" if rows is not None else ""
    words = {
        "path": str(spooled.path),
        "form": "newline_delimited" if form == "jsonl" else "array",
        "largest": LARGEST_OBJECT,
    }
    try:
        table = answer(query, words)
    except UnreadableError as error:
        raise UserError(f"{name} cannot be read as JSON: {_reason(spooled.path, form)}.", ExitCode.USAGE) from error
    if table.num_rows == 0 or table.num_columns == 0:
        raise UserError(f"{name} has no rows.", ExitCode.USAGE)
    return table


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
