"""What the services that run here have left out, and what they found wrong: lines of `driftloop status`."""

from collections.abc import Iterable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

_SECONDS = 2.0
_WORDS = {
    "driftloop_ignored_total": "ignored, {reason}",
    "driftloop_ahead_records_total": "time ahead of the log or of all others, {model}",
    "driftloop_reused_prediction_ids_total": "prediction ids used again, {model}",
    "driftloop_extra_features_total": "values of features that the spec of {model} does not name",
    "driftloop_absent_features": "declared features that most rows of {model} lack",
    "driftloop_rows_without_segment_total": "rows of {model} without its segment {segment}",
    "driftloop_rows_waiting": "predictions that wait for their label",
    "driftloop_labels_waiting": "labels that wait for their prediction",
    "driftloop_refused_specs": "models whose newest spec cannot be used",
    "driftloop_classes_apart": "predictions and labels of {model} never meet, field {field}",
}


def left_out(services: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Service → what (with its reason) → how many, since the service started; of services that answer."""
    found = {name: _figures(_read(int(one["port"]))) for name, one in services.items() if one["alive"] and one["port"]}
    return {name: figures for name, figures in found.items() if figures}


def lines(found: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The same for a person."""
    return [f"{name}: {what}: {count:,}" for name, figures in sorted(found.items()) for what, count in figures.items()]


def _read(port: int) -> str:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_SECONDS) as answer:
            return str(answer.read().decode())
    except (OSError, ValueError, HTTPException):
        return ""


def _figures(text: str) -> dict[str, int]:
    """What of a service's metrics is worth a line: what is not zero.

    >>> _figures('driftloop_ignored_total{service="s",reason="label_too_late"} 3.0')
    {'ignored, label_too_late': 3}
    """
    samples: Iterable[Any] = (one for family in text_string_to_metric_families(text + "\n") for one in family.samples)
    named = ((one, _WORDS[one.name]) for one in samples if one.name in _WORDS and one.value)
    return {words.format(**one.labels): int(one.value) for one, words in named}
