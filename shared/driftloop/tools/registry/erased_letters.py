"""Which dead letters hold a row that is to be erased.

A letter is here because something about it is wrong, so it is read as far as it can be: rows of the contracts by their
fields, records of other systems' topics by their leaves, and what cannot be decoded by its bytes. An id counts where
it stands whole: `p-1` is not in `p-17`.
"""

import io
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa

from driftloop.archive.erasing import Wanted
from driftloop.codec.avro import MARKER, AvroTopic
from driftloop.codec.frames import SEGMENT
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.admin.dead_letters_topic import BuriedRecord, Place
from driftloop.kafka.loop.sources import source_of_letter

_CONTRACTS = (PREDICTION_OUTCOMES, PREDICTION_LABELS)
_ARROW_STREAM = b"\xff\xff\xff\xff"
_CONFLUENT = b"\x00"
_PART_OF_AN_ID = r"[\w.:-]"


@dataclass(frozen=True, slots=True)
class LookedInto:
    """Places of letters: those that hold one of the rows, and those of which that cannot be told."""

    about: set[Place]
    unread: set[Place]


def look_into(letters: Sequence[BuriedRecord], wanted: Wanted, ids: Collection[str]) -> LookedInto:
    """Look into the dead letters: whole records count, whatever else is in them."""
    known = frozenset(ids)
    told = {(one.partition, one.offset): _is_about(one, wanted, known) for one in letters}
    return LookedInto(
        {place for place, is_about in told.items() if is_about},
        {place for place, is_about in told.items() if is_about is None},
    )


def _is_about(letter: BuriedRecord, wanted: Wanted, ids: frozenset[str]) -> bool | None:
    """Whether a letter holds one of the rows; None where that cannot be told."""
    value, key = letter.value or b"", (letter.key or b"").decode("utf-8", "replace")
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        rows = _decoded(letter.topic, value)
        if rows is not None:
            return any(_is_row_of(row, wanted, ids) for row in rows)
        return _in_bytes(letter, wanted, ids, key)
    if letter.topic in ("", *_CONTRACTS):
        rows = [row for row in _several(told) if isinstance(row, dict)]
        mine = [row for row in rows if _is_of_model(row, wanted.model_id)]
        return bool(mine) and (key in ids or any(_is_row_of(row, wanted, ids) for row in mine))
    leaves = [*_leaves(told), *_leaves(_json_or_text(key))]
    if any(name == "model_id" and text != wanted.model_id for name, text in leaves):
        return False
    return any(_is_leaf_of(name, leaf, wanted, ids) for name, leaf in leaves)


def _several(told: Any) -> list[Any]:
    return told if isinstance(told, list) else [told]


def _texts(told: Any) -> set[str]:
    """Texts of a field, or of a column; a number may stand for an id, and is why the letter is here."""
    return {str(one) for one in _several(told) if isinstance(one, str | int)}


def _is_of_model(row: Mapping[str, Any], model_id: str) -> bool:
    return model_id in _texts(row.get("model_id", model_id))


def _is_row_of(row: Mapping[str, Any], wanted: Wanted, ids: frozenset[str]) -> bool:
    """Whether a row of the contracts, or a block of them by columns, is one of those."""
    if not _is_of_model(row, wanted.model_id):
        return False
    if _texts(row.get("prediction_id")) & ids:
        return True
    segment = row.get("segment")
    if wanted.segment is None or not isinstance(segment, Mapping):
        return False
    return wanted.segment[1] in _texts(segment.get(wanted.segment[0]))


def _leaves(told: Any) -> Iterator[tuple[str, Any]]:
    """The texts and numbers of a record with the names that they stand under; those of a list under its name."""
    left: list[tuple[str, Any]] = [("", told)]
    while left:
        name, one = left.pop()
        if isinstance(one, dict):
            left += one.items()
        elif isinstance(one, list):
            left += [(name, inner) for inner in one]
        elif isinstance(one, str | int):
            yield name, one


def _is_leaf_of(name: str, leaf: Any, wanted: Wanted, ids: frozenset[str]) -> bool:
    """A text is an id wherever it stands, a number where its name says so."""
    if wanted.segment is not None and (name, str(leaf)) == wanted.segment:
        return True
    return str(leaf) in ids and (isinstance(leaf, str) or name.lower().endswith("id"))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _decoded(topic: str, value: bytes) -> list[Mapping[str, Any]] | None:
    """Rows of a letter in the contracts' Avro or in Arrow; None where it is neither."""
    if value.startswith(MARKER):
        for name in (topic,) if topic in _CONTRACTS else _CONTRACTS:
            try:
                return [_avro(name).decode(value)]
            except (ValueError, LookupError, EOFError):
                continue
    if value.startswith(_ARROW_STREAM):
        try:
            table = pa.ipc.open_stream(io.BytesIO(value)).read_all()
            table.validate(full=True)
            return [_as_row(table)]
        except (pa.ArrowException, ValueError, OSError):
            return None
    return None


@cache
def _avro(topic: str) -> AvroTopic:
    return AvroTopic(topic)


def _as_row(table: pa.Table) -> Mapping[str, Any]:
    """Columns that tell whose the rows are, as a row by columns has them."""
    model = (table.schema.metadata or {}).get(b"model_id")
    told: dict[str, Any] = {} if model is None else {"model_id": model.decode("utf-8", "replace")}
    names = table.schema.names
    if names.count("prediction_id") == 1:
        told["prediction_id"] = table["prediction_id"].to_pylist()
    told["segment"] = {
        name.removeprefix(SEGMENT): table[name].to_pylist()
        for name in names
        if name.startswith(SEGMENT) and names.count(name) == 1
    }
    return told


def _in_bytes(letter: BuriedRecord, wanted: Wanted, ids: frozenset[str], key: str) -> bool | None:
    value = letter.value or b""
    model = source_of_letter(letter.topic, letter.key, value, letter.headers).model
    is_avro = value.startswith((MARKER, _CONFLUENT))
    if model not in ("", wanted.model_id) or (is_avro and not _holds(value, wanted.model_id)):
        return False
    if key in ids or any(_holds(value, one) for one in ids):
        return True
    if wanted.segment is not None and _holds_pair(value, *wanted.segment):
        return True
    return False if _as_text(value) is not None else None


def _as_text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _holds(value: bytes, text: str) -> bool:
    """Whether a text stands there whole: behind its length, as in Avro, or in a text with nothing beside it."""
    spelt = text.encode()
    if spelt not in value and (spelt := json.dumps(text)[1:-1].encode()) not in value:
        return False
    if _length(text.encode()) + text.encode() in value:
        return True
    whole = _as_text(value)
    bounded = rf"(?<!{_PART_OF_AN_ID}){re.escape(spelt.decode())}(?!{_PART_OF_AN_ID})"
    return whole is not None and re.search(bounded, whole) is not None


def _holds_pair(value: bytes, name: str, told: str) -> bool:
    """Whether a name stands there with this value: in a map of Avro, or in JSON."""
    of_avro = re.escape(name.encode()) + b".?" + re.escape(_length(told.encode()) + told.encode())
    if re.search(of_avro, value, re.DOTALL):
        return True
    return any(
        re.search(rb"%s\s*:\s*\[?\s*%s" % tuple(re.escape(part.encode()) for part in pair), value)
        for pair in {
            (json.dumps(name, ensure_ascii=to_ascii), json.dumps(told, ensure_ascii=to_ascii))
            for to_ascii in (True, False)
        }
    )


def _length(text: bytes) -> bytes:
    """The length of a text as Avro writes it.

    >>> _length(b"p-1"), _length(b"x" * 100)
    (b'\\x06', b'\\xc8\\x01')
    """
    left, found = len(text) << 1, b""
    while left > 0x7F:
        found += bytes([left & 0x7F | 0x80])
        left >>= 7
    return found + bytes([left])
