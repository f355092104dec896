"""Good records: rows in every encoding, odd ones that are right all the same, late labels, commands."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from driftloop.codec.arrow import encode_batch
from driftloop.codec.avro import AvroTopic
from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, content_header
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.spec.model_spec import ModelSpec

START = datetime(2026, 1, 5, tzinfo=UTC)
MODEL = "plant"
SPEC = {
    "model_id": MODEL,
    "task": "regression",
    "features": {
        "speed": {},
        "rate": {},
        "town": {"kind": "category"},
        "energy": {"expression": "rate * speed / 1000"},
    },
    "target": {"d50": {"kind": "number"}},
}
Headers = tuple[tuple[str, bytes], ...]


class Sent(NamedTuple):
    """A record to send. `says` is what it is about: ids of rows, or of a command; empty where it is rubbish."""

    topic: str
    key: str | None
    value: bytes | None
    headers: Headers = ()
    says: tuple[str, ...] = ()


def spec() -> Sent:
    """The model, as published."""
    published = ModelSpecPublished(
        message_id=derive_id("spec", MODEL),
        model_id=MODEL,
        occurred_at=START,
        spec_version=1,
        spec=ModelSpec.model_validate(SPEC),
    )
    return Sent(MODEL_SPECS, MODEL, published.to_json())


def row_id(number: int) -> str:
    return f"row-{number:08d}"


def at(number: int) -> str:
    return (START + timedelta(seconds=number)).isoformat()


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A row as JSON has it; every second one lacks its label, a change to `...` leaves a field out."""
    fields = {
        "prediction_id": row_id(number),
        "model_id": MODEL,
        "model_version": "1.0.0",
        "predicted_at": at(number),
        "features": {"speed": number / 7, "rate": 3.5, "town": "Ulm"},
        "prediction": 1.0,
    }
    fields |= {"label": float(number), "labelled_at": at(number)} if number % 2 else {}
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def outcome(number: int, **changes: Any) -> Sent:
    return Sent(PREDICTION_OUTCOMES, row_id(number), json.dumps(row(number, **changes)).encode(), (), (row_id(number),))


def _avro_outcome(number: int) -> Sent:
    value = avro_outcomes.encode(PredictionOutcome.model_validate(row(number)))
    return Sent(PREDICTION_OUTCOMES, row_id(number), value, content_header(AVRO), (row_id(number),))


def columns(numbers: Sequence[int], **changes: Any) -> dict[str, Any]:
    """Rows side by side, as columnar JSON has them."""
    rows = [row(number, label=1.0, labelled_at=at(number)) for number in numbers]
    whole: dict[str, Any] = {name: [one[name] for one in rows] for name in rows[0]}
    whole |= {"model_id": MODEL, "features": {n: [one["features"][n] for one in rows] for n in rows[0]["features"]}}
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def _column_rows(number: int) -> Sent:
    whole = columns([number])
    return Sent(
        PREDICTION_OUTCOMES, row_id(number), json.dumps(whole).encode(), content_header(COLUMNS), (row_id(number),)
    )


def table(numbers: Sequence[int]) -> dict[str, pa.Array]:
    """The same as Arrow columns."""
    rows = [row(number, label=1.0, labelled_at=at(number)) for number in numbers]
    given = {name: pa.array([one[name] for one in rows]) for name in ("prediction_id", "model_version")}
    moment = pa.timestamp("us", tz="UTC")
    given |= {name: pa.array([one[name] for one in rows]).cast(moment) for name in ("predicted_at", "labelled_at")}
    given |= {f"{name}.d50": pa.array([one[name] for one in rows]) for name in ("prediction", "label")}
    return given | {f"feature.{n}": pa.array([one["features"][n] for one in rows]) for n in rows[0]["features"]}


def stream(given: dict[str, pa.Array], names: Sequence[str] | None = None, model: str | None = MODEL) -> bytes:
    """Arrow columns as an IPC stream."""
    names = names or list(given)
    kinds = [(name, column.type) for name, column in zip(names, given.values(), strict=True)]
    schema = pa.schema(kinds, metadata={"model_id": model} if model else None)
    return encode_batch(pa.record_batch(list(given.values()), schema=schema))


def _arrow_rows(number: int) -> Sent:
    value = stream(table([number]))
    return Sent(PREDICTION_OUTCOMES, row_id(number), value, content_header(ARROW), (row_id(number),))


ODD: dict[str, Callable[[int], Sent]] = {
    "a missing feature": lambda n: outcome(n, features={"speed": 1.0, "town": None}),
    "an extra feature": lambda n: outcome(n, features={"speed": 1.0, "rate": 2.0, "town": "Ulm", "wind": 3}),
    "a field of a newer producer": lambda n: outcome(n, written_by="v9", nested={"deep": [1, {"er": None}]}),
    "explicit nulls": lambda n: outcome(n, confidence=None, cost=None, attributes={}),
    "an integer for a number, a number for a category": lambda n: outcome(n, features={"speed": 1, "town": 7}),
    "1e308": lambda n: outcome(n, features={"speed": 1e308, "rate": 1e308, "town": "Ulm"}),
    "a header twice": lambda n: outcome(n)._replace(headers=(("trace", b"a"), ("trace", b"b"))),
    "the content type twice, alike": lambda n: outcome(n)._replace(
        headers=(("content-type", b"application/json"),) * 2
    ),
    "another text than ASCII": lambda n: outcome(n, features={"speed": 1.0, "rate": 2.0, "town": "Übelbach ☂"}),
    "spaces around": lambda n: outcome(n)._replace(value=b" \n" + json.dumps(row(n), indent=2).encode() + b"\n"),
    "Avro": _avro_outcome,
    "columns": _column_rows,
    "Arrow": _arrow_rows,
}
"""Rows that look unusual and are right."""

avro_outcomes, avro_labels = AvroTopic(PREDICTION_OUTCOMES), AvroTopic(PREDICTION_LABELS)


def good_outcome(number: int) -> Sent:
    """Mostly plain JSON; every twentieth is one of `ODD`."""
    if number % 20:
        return outcome(number)
    return list(ODD.values())[number // 20 % len(ODD)](number)


def brings_label(number: int) -> bool:
    """Whether the row has its label along."""
    return number % 2 == 1 or (number % 20 == 0 and list(ODD)[number // 20 % len(ODD)] in ("columns", "Arrow"))


def label_fields(number: int, **changes: Any) -> dict[str, Any]:
    fields = {
        "prediction_id": row_id(number),
        "model_id": MODEL,
        "label": float(number),
        "labelled_at": at(number + 60),
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def label(number: int, **changes: Any) -> Sent:
    """The label of a row that came without one."""
    value = json.dumps(label_fields(number, **changes)).encode()
    return Sent(PREDICTION_LABELS, row_id(number), value, (), (row_id(number),))


def good_label(number: int) -> Sent:
    """JSON, and Avro now and then."""
    if number % 40:
        return label(number)
    value = avro_labels.encode(PredictionLabel.model_validate(label_fields(number)))
    return Sent(PREDICTION_LABELS, row_id(number), value, content_header(AVRO), (row_id(number),))


def command_fields(number: int, **changes: Any) -> dict[str, Any]:
    fields = {
        "message_id": str(derive_id("rubbish", number)),
        "model_id": MODEL,
        "occurred_at": at(number),
        "command": "unfreeze",
        "reason": "a test",
        "requested_by": "ana",
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


def command(number: int, **changes: Any) -> Sent:
    """A command that is answered with a refusal: nothing is frozen."""
    fields = command_fields(number, **changes)
    return Sent(MODEL_COMMANDS, MODEL, json.dumps(fields).encode(), (), (str(fields.get("message_id")),))
