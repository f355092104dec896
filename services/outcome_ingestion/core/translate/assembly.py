"""Fields to the messages of the contract."""

from typing import Any

from pydantic import ValidationError

from driftloop.codec.scalars import category_text
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.processor import Outgoing
from outcome_ingestion.core.refusal import invalid

_OF_LABELS = ("prediction_id", "entity", "observed_at", "label", "labelled_at", "weight", "rating")


def outcome(fields: dict[str, Any], model_id: str) -> Outgoing:
    """The message of a prediction; raises `Refusal` that names the field."""
    if fields.get("prediction") is not None and fields.get("model_version") is None:
        raise invalid(
            "MissingPath",
            "nothing says which version predicted: give the source `version`, or `paths.model_version`",
        )
    if not isinstance(fields.get("features"), dict):
        raise invalid("MissingPath", "the row has no features")
    features = {
        name: category_text(value) if isinstance(value, bool) else value for name, value in fields["features"].items()
    }
    return _message(PredictionOutcome, PREDICTION_OUTCOMES, {**fields, "features": features, "model_id": model_id})


def label(fields: dict[str, Any], model_id: str) -> Outgoing:
    """The message of a label; raises `Refusal` that names the field."""
    known: dict[str, Any] = {name: fields[name] for name in _OF_LABELS if name in fields}
    return _message(PredictionLabel, PREDICTION_LABELS, {**known, "model_id": model_id})


def _message(contract: type[PredictionOutcome] | type[PredictionLabel], topic: str, fields: dict[str, Any]) -> Outgoing:
    try:
        message = contract.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the row"
        hint = ": give the source `versions`, which map its names to ours" if place == "model_version" else ""
        raise invalid("InvalidRow", f"{place}: {first['msg']}, not {str(first['input'])[:80]!r}{hint}") from error
    key = message.key if isinstance(message, PredictionLabel) else message.prediction_id
    return Outgoing(topic, key, message.model_dump_json(exclude_unset=True).encode())
