"""CloudEvents over Kafka: structured (the whole event is the value) and binary (attributes are headers)."""

import base64
import binascii
from typing import Any

from outcome_ingestion.core.refusal import Refusal
from outcome_ingestion.core.translate.framing import Headers
from outcome_ingestion.core.translate.scalars import read_json

_STRUCTURED = "application/cloudevents+json"
_PREFIX = "ce_"


def attributes_of(headers: Headers) -> dict[str, str]:
    """The attributes of a binary event; empty if it is none."""
    return {
        name.lower().replace("-", "_").removeprefix(_PREFIX): value.decode("utf-8", "replace")
        for name, value in headers.items()
        if name.lower().startswith((_PREFIX, "ce-"))
    }


def event_of(headers: Headers, document: Any) -> dict[str, Any]:
    """The event with its attributes and `data`; raises `Refusal` if the record is none."""
    attributes: dict[str, Any] = dict(attributes_of(headers))
    if "id" in attributes and not _is_structured(headers):
        return {**attributes, "data": document}
    if not isinstance(document, dict) or "specversion" not in document:
        raise Refusal(
            "decode", "NoCloudEvent",
            "the record is no CloudEvent: it has neither headers that begin with ce_ nor the field 'specversion'",
        )  # fmt: skip
    missing = next((name for name in ("id", "source", "type") if not isinstance(document.get(name), str)), None)
    if missing is not None:
        raise Refusal("decode", "NoCloudEvent", f"the event's attribute '{missing}' is missing or is no text")
    return {**document, "data": _data(document)}


def _is_structured(headers: Headers) -> bool:
    return headers.get("content-type", b"").decode("utf-8", "replace").startswith(_STRUCTURED)


def _data(event: dict[str, Any]) -> Any:
    given = event.get("data_base64")
    if given is None:
        return event.get("data")
    try:
        return read_json(base64.b64decode(given, validate=True))
    except (TypeError, ValueError, binascii.Error, RecursionError) as error:
        raise Refusal("decode", "NoCloudEvent", f"'data_base64' holds no JSON in base64: {error}"[:500]) from error
