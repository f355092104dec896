"""Rubbish by class: for each topic a name → the record of a number. A class says what is wrong with it."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from tests.rubbish import good
from tests.rubbish.good import Sent

from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, CONFLUENT_AVRO, content_header
from driftloop.contracts.message import derive_id
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import MODEL_COMMANDS, PREDICTION_LABELS, PREDICTION_OUTCOMES

Make = Callable[[int], Sent]
LARGE = 20 * 1024 * 1024
HUGE = "20 MB"
"""The class whose records are so large that only a few are sent."""


def _bytes_classes(sound: Make) -> dict[str, Make]:
    """What can be done to the bytes of any JSON message."""

    def value(change: Callable[[bytes], bytes | None]) -> Make:
        return lambda n: sound(n)._replace(value=change(sound(n).value or b""), says=())

    return {
        "truncated": value(lambda text: text[: len(text) * 2 // 3]),
        "empty": value(lambda _: b""),
        "a null value": value(lambda _: None),
        "zero bytes": value(lambda _: bytes(100)),
        "random bytes": lambda n: sound(n)._replace(value=derive_id("dice", n).bytes * 20, says=()),
        "bad UTF-8": value(lambda text: text.replace(b"plant", b"pl\xff\xfent")),
        "a lone surrogate": value(lambda text: text.replace(b'"plant"', b'"\\ud800"')),
        "UTF-16": value(lambda text: text.decode().encode("utf-16")),
        "a byte order mark": value(lambda text: b"\xef\xbb\xbf" + text),
        "gzip": value(gzip.compress),
        "a list": value(lambda text: b"[" + text + b"]"),
        "a number": value(lambda _: b"42"),
        "two values": value(lambda text: text + text),
        "a comma too many": value(lambda text: text[:-1] + b",}"),
        "single quotes": value(lambda text: text.replace(b'"', b"'")),
        "10,000 levels deep": value(lambda text: text[:-1] + b',"x":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001),
        "10,000 lists deep": value(lambda _: b"[" * 10_000),
        "a key twice": value(lambda text: text[:-1] + b',"model_id":"plant"}'),
        HUGE: value(lambda text: text[:-1] + b',"x":"' + b"spam " * (LARGE // 5) + b'"'),
        "one MB of an open text": value(lambda _: b'{"prediction_id": "' + b"a" * 1_000_000),
    }


def _row(n: int, **changes: Any) -> Sent:
    return good.outcome(n, **changes)._replace(says=())


def _said(sound: Sent, old: bytes, new: bytes) -> Sent:
    value = sound.value or b""
    assert old in value
    return sound._replace(value=value.replace(old, new), says=())


def _kind(n: int, kind: str, value: bytes) -> Sent:
    return Sent(PREDICTION_OUTCOMES, good.row_id(n), value, content_header(kind))


_ROWS: dict[str, Make] = {
    "no key": lambda n: _row(n)._replace(key=None),
    "another key": lambda n: _row(n)._replace(key="somebody else"),
    "NaN": lambda n: _said(good.outcome(n), b'"rate": 3.5', b'"rate": NaN'),
    "infinity": lambda n: _said(good.outcome(n), b'"rate": 3.5', b'"rate": Infinity'),
    "1e999": lambda n: _said(good.outcome(n), b'"rate": 3.5', b'"rate": 1e999'),
    "an integer of 400 digits": lambda n: _row(n, features={"speed": 10**400}),
    "tokens beyond 64 bits": lambda n: _row(n, tokens=2**70),
    "a feature twice": lambda n: _said(good.outcome(n), b'"rate": 3.5', b'"rate": 3.5, "rate": 4.5'),
    "a text for a number": lambda n: _row(n, features={"speed": "fast"}),
    "a truth value for a number": lambda n: _row(n, features={"speed": True}),
    "a list for a number": lambda n: _row(n, features={"speed": [1.0]}),
    "features that are a list": lambda n: _row(n, features=[1, 2]),
    "a text for the prediction": lambda n: _row(n, prediction="high"),
    "no features": lambda n: _row(n, features=...),
    "no id": lambda n: _row(n, prediction_id=...),
    "an id of 300 characters": lambda n: _row(n, prediction_id="x" * 300)._replace(key="x" * 300),
    "an unknown model": lambda n: _row(n, model_id="nobody"),
    "a version that is none": lambda n: _row(n, model_version="the latest"),
    "a prediction without a version": lambda n: _row(n, model_version=...),
    "neither prediction nor label": lambda n: _row(2 * n, prediction=..., model_version=...),
    "a time in 1970": lambda n: _row(n, predicted_at="1970-01-01T00:00:00Z"),
    "a time in 2200": lambda n: _row(n, predicted_at="2200-01-01T00:00:00Z"),
    "a time next month": lambda n: _row(n, predicted_at="2099-01-01T00:00:00Z"),
    "a time without an offset": lambda n: _row(n, predicted_at="2026-01-05T00:00:00"),
    "a time that is none": lambda n: _row(n, predicted_at="noon"),
    "a confidence of 7": lambda n: _row(n, confidence=7),
    "a negative weight": lambda n: _row(n, weight=-1),
    "an unknown content type": lambda n: _row(n)._replace(headers=content_header("text/csv")),
    "two content types": lambda n: _row(n)._replace(
        headers=(*content_header(AVRO), *content_header("application/json"))
    ),
    "JSON that is called Avro": lambda n: _row(n)._replace(headers=content_header(AVRO)),
    "JSON that is called Arrow": lambda n: _row(n)._replace(headers=content_header(ARROW)),
    "a label among the outcomes": lambda n: good.label(n)._replace(topic=PREDICTION_OUTCOMES, says=()),
}


def _avro(n: int) -> bytes:
    return good.avro_outcomes.encode(PredictionOutcome.model_validate(good.row(n)))


_AVRO: dict[str, Make] = {
    "Avro: called JSON": lambda n: _kind(n, "application/json", _avro(n)),
    "Avro: a schema that nobody knows": lambda n: _kind(n, AVRO, _avro(n)[:2] + bytes(8) + _avro(n)[10:]),
    "Avro: a schema id without a registry": lambda n: _kind(n, CONFLUENT_AVRO, b"\0\0\0\0\7" + _avro(n)[10:]),
    "Avro: truncated": lambda n: _kind(n, AVRO, _avro(n)[:-9]),
    "Avro: more behind it": lambda n: _kind(n, AVRO, _avro(n) + b"more"),
    "Avro: a length that lies": lambda n: _kind(n, AVRO, _avro(n)[:10] + b"\xfe\xff\xff\xff\x0f" + _avro(n)[11:]),
    "Avro: NaN": lambda n: _kind(n, AVRO, _avro(n).replace(b"\0\0\0\0\0\0\x0c@", b"\0\0\0\0\0\0\xf8\x7f")),
}


def _lists(n: int, **changes: Any) -> Sent:
    return _kind(n, COLUMNS, json.dumps(good.columns([n, n + 1], **changes)).encode())


_COLUMNS: dict[str, Make] = {
    "columns: of other lengths": lambda n: _lists(n, prediction=[1.0]),
    "columns: no rows": lambda n: _lists(n, prediction_id=[]),
    "columns: a truncated record": lambda n: _kind(n, COLUMNS, json.dumps(good.columns([n])).encode()[:-7]),
    "columns: a text among numbers": lambda n: _lists(n, features={"speed": ["fast"] * 2}),
    "columns: an unknown model": lambda n: _lists(n, model_id="nobody"),
    "columns: a column twice": lambda n: _kind(
        n, COLUMNS, json.dumps(good.columns([n])).encode()[:-1] + b', "prediction": [1.0]}'
    ),
    "columns: no key": lambda n: _lists(n)._replace(key=None),
}


def _lying(n: int) -> bytes:
    """Offsets of the first text column that point far behind its bytes."""
    value = bytearray(good.stream(good.table([n, n + 1])))
    offsets = b"".join(k.to_bytes(4, "little") for k in (0, len(good.row_id(n)), 2 * len(good.row_id(n))))
    place = value.index(offsets)
    value[place + 8 : place + 12] = (1 << 30).to_bytes(4, "little")
    return bytes(value)


def _renamed(n: int, old: str, new: str) -> bytes:
    given = good.table([n])
    return good.stream(given, [new if name == old else name for name in given])


_ARROW: dict[str, Make] = {
    "Arrow: a length that lies": lambda n: _kind(n, ARROW, _lying(n)),
    "Arrow: a metadata length that lies": lambda n: _kind(
        n, ARROW, b"\xff\xff\xff\xff\xff\xff\xff\x7f" + good.stream(good.table([n]))[8:]
    ),
    "Arrow: truncated": lambda n: _kind(n, ARROW, good.stream(good.table([n]))[:-200]),
    "Arrow: nobody's rows": lambda n: _kind(n, ARROW, good.stream(good.table([n]), model=None)),
    "Arrow: an unknown model": lambda n: _kind(n, ARROW, good.stream(good.table([n]), model="nobody")),
    "Arrow: a column twice": lambda n: _kind(n, ARROW, _renamed(n, "feature.rate", "feature.speed")),
    "Arrow: no ids": lambda n: _kind(n, ARROW, _renamed(n, "prediction_id", "id")),
    "Arrow: NaN": lambda n: _kind(n, ARROW, good.stream(good.table([n]) | {"feature.rate": pa.array([float("nan")])})),
    "Arrow: times without a zone": lambda n: _kind(
        n, ARROW, good.stream(good.table([n]) | {"predicted_at": pa.array([0], pa.timestamp("us"))})
    ),
}


def _label(n: int, **changes: Any) -> Sent:
    return good.label(n, **changes)._replace(says=())


def _avro_label(n: int) -> bytes:
    return good.avro_labels.encode(PredictionLabel.model_validate(good.label_fields(n)))


_LABELS: dict[str, Make] = {
    "no key": lambda n: _label(n)._replace(key=None),
    "another key": lambda n: _label(n)._replace(key="somebody else"),
    "NaN": lambda n: _said(good.label(n, label=7.25), b"7.25", b"NaN"),
    "1e999": lambda n: _said(good.label(n, label=7.25), b"7.25", b"1e999"),
    "an integer of 400 digits": lambda n: _label(n, label=10**400),
    "a text for a number": lambda n: _label(n, label="high"),
    "a null label": lambda n: _label(n, label=None),
    "a label of another field": lambda n: _label(n, label={"d90": 1.0}),
    "no label": lambda n: _label(n, label=...),
    "no time": lambda n: _label(n, labelled_at=...),
    "a time in 1970": lambda n: _label(n, labelled_at="1970-01-01T00:00:00Z"),
    "a time in 2200": lambda n: _label(n, labelled_at="2200-01-01T00:00:00Z"),
    "a time that is none": lambda n: _label(n, labelled_at="noon"),
    "an unknown model": lambda n: _label(n, model_id="nobody"),
    "a source that is none": lambda n: _label(n, label_source="guess"),
    "columns of labels": lambda n: _label(n)._replace(headers=content_header(COLUMNS)),
    "Avro: a schema that nobody knows": lambda n: _label(n)._replace(
        value=_avro_label(n)[:2] + bytes(8) + _avro_label(n)[10:], headers=content_header(AVRO)
    ),
    "Avro: truncated": lambda n: _label(n)._replace(value=_avro_label(n)[:-3], headers=content_header(AVRO)),
}


def _command(n: int, **changes: Any) -> Sent:
    return good.command(n, **changes)._replace(says=())


_COMMANDS: dict[str, Make] = {
    "no key": lambda n: _command(n)._replace(key=None),
    "another key": lambda n: _command(n)._replace(key="nobody"),
    "a command that is none": lambda n: _command(n, command="destroy"),
    "no command": lambda n: _command(n, command=...),
    "nobody asked": lambda n: _command(n, requested_by=...),
    "no reason": lambda n: _command(n, reason=""),
    "a version that is none": lambda n: _command(n, command="promote", version="the latest"),
    "an id that is none": lambda n: _command(n, message_id="17"),
    "a time without an offset": lambda n: _command(n, occurred_at="2026-01-05T00:00:00"),
    "a time that is none": lambda n: _command(n, occurred_at="noon"),
    "NaN": lambda n: _said(good.command(n, command="report", readings={"cpu_percent": 7.25}), b"7.25", b"NaN"),
    "1e999": lambda n: _said(good.command(n, command="report", readings={"cpu_percent": 7.25}), b"7.25", b"1e999"),
    "readings of text": lambda n: _command(n, command="report", readings={"cpu_percent": "hot"}),
    "a model's name of 400 characters": lambda n: _command(n, model_id="x" * 400)._replace(key="x" * 400),
    "an outcome among the commands": lambda n: good.outcome(n)._replace(topic=MODEL_COMMANDS, key="plant", says=()),
}

BAD: dict[str, dict[str, Make]] = {
    PREDICTION_OUTCOMES: _bytes_classes(good.outcome) | _ROWS | _AVRO | _COLUMNS | _ARROW,
    PREDICTION_LABELS: _bytes_classes(good.label) | _LABELS,
    MODEL_COMMANDS: _bytes_classes(good.command) | _COMMANDS,
}
