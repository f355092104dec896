"""Kafka Connect's JSON envelope: `{"schema", "payload"}`, the payload converted by the schema beside it."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from outcome_ingestion.core.refusal import Refusal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DEPTH = 60
_NOT_FINITE = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def is_connect(document: Any) -> bool:
    """Whether a document is exactly Connect's envelope."""
    return isinstance(document, dict) and document.keys() == {"schema", "payload"}


def connect_value(document: Any) -> Any:
    """The payload as Python values; raises `Refusal` that names the path of what does not fit its schema."""
    if not is_connect(document):
        raise Refusal(
            "decode", "NoConnectEnvelope",
            "the record is no object of `schema` and `payload`: is the converter's schemas.enable on?",
        )  # fmt: skip
    schema, payload = document["schema"], document["payload"]
    return payload if schema is None else _convert(payload, schema, "payload", 0)


def _convert(value: Any, schema: Any, path: str, depth: int) -> Any:
    if depth > _MOST_DEPTH or not isinstance(schema, dict):
        raise Refusal("decode", "DamagedSchema", f"the schema of {path} is damaged or nested too deep")
    if value is None:
        return None
    kind, name = schema.get("type"), schema.get("name")
    known = _LOGICAL.get(name) if isinstance(name, str) else None
    try:
        if known is not None:
            return known(value, schema)
        nested = _NESTED.get(kind) if isinstance(kind, str) else None
        if nested is not None:
            return nested(value, schema, path, depth)
        if kind in ("double", "float") and isinstance(value, str):
            return float(_NOT_FINITE[value])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, binascii.Error) as error:
        said = f"{path} is not what its schema says ({name or kind}): {type(error).__name__}"
        raise Refusal("decode", "DamagedEnvelope", said) from error
    return value


def _struct(value: Any, schema: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
    fields = {field["field"]: field for field in schema["fields"]}
    return {name: _convert(value.get(name), field, f"{path}.{name}", depth + 1) for name, field in fields.items()}


def _array(value: Any, schema: dict[str, Any], path: str, depth: int) -> list[Any]:
    return [_convert(one, schema.get("items"), f"{path}[{n}]", depth + 1) for n, one in enumerate(value)]


def _map(value: Any, schema: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
    pairs = value.items() if isinstance(value, dict) else value
    return {str(key): _convert(one, schema.get("values"), f"{path}.{key}", depth + 1) for key, one in pairs}


_NESTED: dict[str, Callable[[Any, dict[str, Any], str, int], Any]] = {"struct": _struct, "array": _array, "map": _map}


def unscaled(text: str, scale: int) -> Decimal:
    """The decimal of base64 of a two's complement, big-endian number.

    >>> unscaled("GQ==", 2)
    Decimal('0.25')
    """
    return Decimal(int.from_bytes(base64.b64decode(text, validate=True), "big", signed=True)).scaleb(-scale)


def _decimal(value: Any, schema: dict[str, Any]) -> Decimal:
    if isinstance(value, int | float):
        return Decimal(str(value))  # decimal.format=NUMERIC
    return unscaled(value, int(schema["parameters"]["scale"]))


def _moment(units_a_second: int) -> Callable[[Any, dict[str, Any]], datetime]:
    return lambda value, _: _EPOCH + timedelta(microseconds=int(value) * 1_000_000 // units_a_second)


def _iso(value: Any, _: dict[str, Any]) -> datetime:
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _days(value: Any, _: dict[str, Any]) -> date:
    return (_EPOCH + timedelta(days=int(value))).date()


def _variable(value: Any, _: dict[str, Any]) -> Decimal:
    return unscaled(value["value"], int(value["scale"]))


def _as_is(value: Any, _: dict[str, Any]) -> Any:
    return value


_LOGICAL: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "org.apache.kafka.connect.data.Decimal": _decimal,
    "org.apache.kafka.connect.data.Timestamp": _moment(1_000),
    "org.apache.kafka.connect.data.Date": _days,
    "org.apache.kafka.connect.data.Time": _as_is,
    "io.debezium.data.VariableScaleDecimal": _variable,
    "io.debezium.time.Timestamp": _moment(1_000),
    "io.debezium.time.MicroTimestamp": _moment(1_000_000),
    "io.debezium.time.NanoTimestamp": _moment(1_000_000_000),
    "io.debezium.time.ZonedTimestamp": _iso,
    "io.debezium.time.IsoTimestamp": _iso,
    "io.debezium.time.Date": _days,
}
