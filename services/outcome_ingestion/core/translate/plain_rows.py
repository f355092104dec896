"""The short way of a plain record: JSON, paths of names alone, one row, and values that need no conversion.

By far the most records are so, and the long way (a document, fields, a model of the contract) costs five times as
much for them. What is compiled here never refuses a record: whatever is not plain in it, or not right, makes it go
the long way, which says why. A test holds both ways to the same bytes.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.processor import Outgoing, Record
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.translate.debezium import UNAVAILABLE
from outcome_ingestion.core.translate.framing import FRAMING_HEADERS

Find = Callable[[dict[str, Any]], Any]
_EXACT = 2**53
_WRITTEN_ALIKE = 1e16
"""From here on the contract's writer puts a plus into an exponent, and msgspec none."""
_OPENS = ord("{")
_LONGEST_NAME = 200
_NAMES_KEPT = 10_000
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,119}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED = ("features", "prediction", "label")
_SINGLE = ("prediction_id", "model_version", "predicted_at", "labelled_at", "confidence", "weight", "latency_ms")
_DECODE = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder().encode


class NotPlainError(Exception):
    """The record goes the long way."""


_NOT_PLAIN = NotPlainError()
"""Raised without a traceback of its own: it says nothing but "the long way"."""


def plain_rows(source: ModelSource) -> "PlainRows | None":
    """The short way of a source; None where its declaration needs more than names, numbers and texts."""
    if (source.server, source.encoding, source.envelope, source.ids) != ("none", "json", "none", "given"):
        return None
    paths = source.paths
    declared = [getattr(paths, name) for name in (*_SINGLE, *_NAMED)]
    texts = [one for one in declared if isinstance(one, str)]
    tables = [one for one in (*declared, paths.segment, paths.attributes) if isinstance(one, Mapping)]
    names = [name for table in tables for name in table]
    every = [*texts, *(path for table in tables for path in table.values())]
    if paths.rows is not None or not all(_is_plain(path) for path in every):
        return None
    return PlainRows(source) if all(1 <= len(name) <= _LONGEST_NAME for name in names) else None


def _is_plain(path: str) -> bool:
    names = path.split(".")
    return names[0] != "_kafka" and all(name.isidentifier() and name.isascii() for name in names)


class PlainRows:
    """What the paths of a source make of a plain record."""

    def __init__(self, source: ModelSource) -> None:
        paths = source.paths
        self._source = source
        self._framed = source.framing != "none"
        self._find = {name: _finder(path) for name in _SINGLE if (path := getattr(paths, name)) is not None}
        self._id = self._find["prediction_id"]
        self._features = _finder(paths.features) if isinstance(paths.features, str) else None
        self._each = [(n, _finder(p)) for n, p in paths.features.items()] if isinstance(paths.features, dict) else []
        self._said, self._label = _value_of(paths.prediction), _value_of(paths.label)
        self._segment, self._attributes = (
            [(name, _finder(path)) for name, path in table.items()] for table in (paths.segment, paths.attributes)
        )
        self._names: set[str] = set()
        self._versions: dict[str, str] = {}
        self._unit = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(source.time_unit)
        self._build = self._a_label if source.gives == "labels" else self._an_outcome
        self.topic = PREDICTION_LABELS if source.gives == "labels" else PREDICTION_OUTCOMES

    def message(self, record: Record) -> Outgoing | None:
        """The message of a plain record; None for one that has to go the long way."""
        value, headers = record.value(), record.headers()
        if type(value) is not bytes or not value or value[0] != _OPENS:
            return None
        if headers and self._framed and any(name in FRAMING_HEADERS for name, _ in headers):
            return None
        try:
            content = _DECODE(value)
            prediction_id = self._id(content)
            if type(prediction_id) is not str or not 0 < len(prediction_id) <= LONGEST_ID:
                return None
            if prediction_id == UNAVAILABLE:
                return None
            return Outgoing(self.topic, prediction_id, _ENCODE(self._build(content, prediction_id, record)))
        except (NotPlainError, msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, ValueError, RecursionError):
            return None

    def _an_outcome(self, content: dict[str, Any], prediction_id: str, record: Record) -> dict[str, Any]:
        """In the order in which the contract declares its fields."""
        find = self._find
        version = find["model_version"](content) if "model_version" in find else None
        made: dict[str, Any] = {
            "prediction_id": prediction_id,
            "model_id": self._source.model_id,
            "model_version": self._version(version),
            "predicted_at": self._moment("predicted_at", content, record),
            "features": self._features_of(content),
            "prediction": self._said(content),
        }
        if "confidence" in find and (sure := find["confidence"](content)) is not None:
            made["confidence"] = _number(sure, 1.0)
        label = self._label(content) if self._source.paths.label is not None else None
        if label is not None:
            made["label"] = label
        if label is not None or ("labelled_at" in find and find["labelled_at"](content) is not None):
            made["labelled_at"] = self._moment("labelled_at", content, record)
        if "weight" in find and (weight := find["weight"](content)) is not None:
            made["weight"] = _number(weight)
        made["segment"] = _texts(self._segment, content)
        if "latency_ms" in find and (latency := find["latency_ms"](content)) is not None:
            made["latency_ms"] = _number(latency)
        made["attributes"] = _texts(self._attributes, content)
        return made

    def _a_label(self, content: dict[str, Any], prediction_id: str, record: Record) -> dict[str, Any]:
        made: dict[str, Any] = {
            "prediction_id": prediction_id,
            "model_id": self._source.model_id,
            "label": self._label(content),
            "labelled_at": self._moment("labelled_at", content, record),
        }
        find = self._find
        if "weight" in find and (weight := find["weight"](content)) is not None:
            made["weight"] = _number(weight)
        if any(name in find for name in ("model_version", "predicted_at", "confidence", "latency_ms")):
            raise _NOT_PLAIN
        if self._segment or self._attributes:
            raise _NOT_PLAIN
        return made

    def _version(self, given: Any) -> str:
        """Our name of a version; what was seen once is known."""
        known = self._versions.get(given) if type(given) is str else None
        if known is not None:
            return known
        ours = self._source.version if given is None else None
        if type(given) is str and given != UNAVAILABLE:
            ours = self._source.versions.get(given, given)
        if ours is None or not _VERSION.fullmatch(ours):
            raise _NOT_PLAIN
        if given is not None and len(self._versions) < _NAMES_KEPT:
            self._versions[given] = ours
        return ours

    def _moment(self, name: str, content: dict[str, Any], record: Record) -> datetime:
        found = self._find[name](content) if name in self._find else None
        if found is None:
            return _EPOCH + timedelta(milliseconds=max(0, record.timestamp()[1]))
        if type(found) is str:
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None:
                raise _NOT_PLAIN
            return moment.astimezone(UTC)
        if type(found) is int and found >= 0 and self._unit is not None:
            return _EPOCH + timedelta(microseconds=found * self._unit)
        raise _NOT_PLAIN

    def _features_of(self, content: dict[str, Any]) -> dict[str, Any]:
        if self._features is None:
            return {name: _feature(find(content)) for name, find in self._each}
        found = self._features(content)
        if type(found) is not dict:
            raise _NOT_PLAIN
        if not found.keys() <= self._names:
            self._learn(found)
        for name, value in found.items():
            if type(value) is not float or not -_WRITTEN_ALIKE < value < _WRITTEN_ALIKE:
                found[name] = _feature(value)
        return found

    def _learn(self, found: dict[str, Any]) -> None:
        """Names of features that are right, kept so that they are looked at once."""
        if not all(1 <= len(name) <= _LONGEST_NAME for name in found):
            raise _NOT_PLAIN
        if len(self._names) > _NAMES_KEPT:
            self._names.clear()
        self._names.update(found)


def _finder(path: str) -> Find:
    """What a path of names finds; a name that is not there, or of no object, gives None."""
    first, *rest = path.split(".")
    if not rest:
        return lambda content: content.get(first)
    if len(rest) == 1:
        second = rest[0]

        def two(content: dict[str, Any]) -> Any:
            inner = content.get(first)
            return inner.get(second) if type(inner) is dict else None

        return two

    def many(content: dict[str, Any]) -> Any:
        found: Any = content.get(first)
        for name in rest:
            if type(found) is not dict:
                return None
            found = found.get(name)
        return found

    return many


def _value_of(paths: str | Mapping[str, str] | None) -> Find:
    """A prediction or label by its path, or by a path a field."""
    if isinstance(paths, Mapping):
        finders = [(name, _finder(path)) for name, path in paths.items()]
        return lambda content: {name: _scalar(find(content)) for name, find in finders}
    find = _finder(paths or "_")
    return lambda content: _scalar(find(content))


def _scalar(value: Any) -> Any:
    kind = type(value)
    if kind is float and -_WRITTEN_ALIKE < value < _WRITTEN_ALIKE:
        return value
    if (kind is str and value != UNAVAILABLE) or (kind is int and -_EXACT <= value <= _EXACT):
        return value
    raise _NOT_PLAIN


def _feature(value: Any) -> float | str | None:
    kind = type(value)
    if kind is float and -_WRITTEN_ALIKE < value < _WRITTEN_ALIKE:
        return float(value)
    if value is None or (kind is str and value != UNAVAILABLE):
        return value  # type: ignore[no-any-return]
    if kind is int and -_EXACT <= value <= _EXACT:
        return float(value)
    raise _NOT_PLAIN


def _number(value: Any, most: float = float("inf")) -> float:
    """A number that may not be negative, nor more than `most`."""
    if type(value) in (float, int) and 0 <= value <= most and value <= _EXACT:
        return float(value)
    raise _NOT_PLAIN


def _texts(finders: list[tuple[str, Find]], content: dict[str, Any]) -> dict[str, str]:
    found = {}
    for name, find in finders:
        value = find(content)
        if type(value) is str and value != UNAVAILABLE:
            found[name] = value
        elif value is not None:
            raise _NOT_PLAIN
    return found
