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
_A_YEAR = 365 * 86_400 * 1_000_000
_NAMED = ("features", "prediction", "label")
_SINGLE = (
    "prediction_id", "model_version", "predicted_at", "labelled_at", "confidence", "weight", "latency_ms", "rating",
)  # fmt: skip
_DECODE = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder().encode


class NotPlainError(Exception):
    """The record goes the long way."""


_LONG_WAY = (NotPlainError, msgspec.DecodeError, ArithmeticError, TypeError, ValueError, RecursionError)
_NOT_PLAIN = NotPlainError()
"""Raised without a traceback of its own: it says nothing but "the long way"."""


def plain_rows(source: ModelSource) -> "PlainRows | None":
    """The short way of a source; None where its declaration needs more than names, numbers and texts."""
    if (source.server, source.encoding, source.envelope, source.ids) != ("none", "json", "none", "given"):
        return None
    paths = source.paths
    if source.where is not None or paths.observed_at is not None or paths.entity is not None:
        return None
    if source.gives == "labels" and paths.label is None:  # ratings alone are few
        return None
    declared = [getattr(paths, name) for name in (*_SINGLE, *_NAMED)]
    texts = [one for one in declared if isinstance(one, str)]
    tables = [one for one in (*declared, paths.segment, paths.attributes) if isinstance(one, Mapping)]
    names = [name for table in tables for name in table]
    every = [*texts, *(path for table in tables for path in table.values())]
    if paths.rows is not None or paths.shadow is not None or not all(_is_plain(path) for path in every):
        return None
    beside = [paths.model_version, paths.predicted_at, paths.confidence, paths.latency_ms]
    if source.gives == "labels" and (any(beside) or paths.segment or paths.attributes):
        return None  # what a label does not carry is looked at all the same, and may be wrong
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
        self._model_id = source.model_id
        self._id = _finder(paths.prediction_id or "_")
        at = {name: _finder(path) for name in _SINGLE[1:] if (path := getattr(paths, name)) is not None}
        self._version_at, self._predicted_at, self._known_at = map(at.get, _SINGLE[1:4])
        self._sure_at, self._weight_at, self._latency_at, self._rating_at = map(at.get, _SINGLE[4:])
        self._ratings = source.rating_range
        self._has_label = paths.label is not None
        self._is_told = self._has_label or self._known_at is not None
        self._features = _finder(paths.features) if isinstance(paths.features, str) else None
        self._each = [(n, _finder(p)) for n, p in paths.features.items()] if isinstance(paths.features, dict) else []
        self._said, self._label = _value_of(paths.prediction), _value_of(paths.label)
        self._segment, self._attributes = (
            [(name, _finder(path)) for name, path in table.items()] for table in (paths.segment, paths.attributes)
        )
        self._names: set[str] = set()
        self._versions: dict[Any, str] = {}
        self._unit = {"s": 1_000_000, "ms": 1_000, "us": 1}.get(source.time_unit)
        self._build = self._a_label if source.gives == "labels" else self._an_outcome
        self.topic = PREDICTION_LABELS if source.gives == "labels" else PREDICTION_OUTCOMES

    def message(self, record: Record) -> Outgoing | None:
        """The message of a plain record; None for one that has to go the long way."""
        value, headers = record.value(), record.headers()
        if type(value) is not bytes or not value or value[0] != _OPENS:
            return None
        if headers and self._framed:
            for name, _ in headers:
                if name in FRAMING_HEADERS:
                    return None
        try:
            content = _DECODE(value)
            prediction_id = self._id(content)
            if (
                type(prediction_id) is not str
                or not 0 < len(prediction_id) <= LONGEST_ID
                or prediction_id == UNAVAILABLE
            ):
                return None
            return Outgoing(self.topic, prediction_id, _ENCODE(self._build(content, prediction_id, record)))
        except _LONG_WAY:
            return None

    def _an_outcome(self, content: dict[str, Any], prediction_id: str, record: Record) -> dict[str, Any]:
        """In the order in which the contract declares its fields."""
        version = None if self._version_at is None else self._version_at(content)
        made: dict[str, Any] = {
            "prediction_id": prediction_id,
            "model_id": self._model_id,
            "model_version": self._versions.get(version) or self._version(version),
            "predicted_at": self._moment(self._predicted_at, content, record),
            "features": self._features_of(content),
            "prediction": self._said(content),
        }
        if self._sure_at is not None and (sure := self._sure_at(content)) is not None:
            made["confidence"] = _number(sure, 1.0)
        if self._is_told:
            self._add_label(made, content, record)
        if self._weight_at is not None and (weight := self._weight_at(content)) is not None:
            made["weight"] = _number(weight)
        made["segment"] = _texts(self._segment, content) if self._segment else {}
        if self._latency_at is not None and (latency := self._latency_at(content)) is not None:
            made["latency_ms"] = _number(latency)
        self._add_rating(made, content)
        made["attributes"] = _texts(self._attributes, content) if self._attributes else {}
        return made

    def _add_label(self, made: dict[str, Any], content: dict[str, Any], record: Record) -> None:
        known = self._known_at
        if self._has_label:
            made["label"] = self._label(content)
        if self._has_label or (known is not None and known(content) is not None):
            made["labelled_at"] = self._moment(known, content, record)

    def _a_label(self, content: dict[str, Any], prediction_id: str, record: Record) -> dict[str, Any]:
        made: dict[str, Any] = {
            "prediction_id": prediction_id,
            "model_id": self._model_id,
            "label": self._label(content),
            "labelled_at": self._moment(self._known_at, content, record),
        }
        if self._weight_at is not None and (weight := self._weight_at(content)) is not None:
            made["weight"] = _number(weight)
        self._add_rating(made, content)
        return made

    def _add_rating(self, made: dict[str, Any], content: dict[str, Any]) -> None:
        if self._rating_at is None or (given := self._rating_at(content)) is None:
            return
        worst, best = self._ratings
        made["rating"] = _number((_number(given) - worst) / (best - worst), 1.0)

    def _version(self, given: Any) -> str:
        """Our name of a version; what was seen once is known."""
        ours = self._source.version if given is None else None
        if type(given) is str and given != UNAVAILABLE:
            ours = self._source.versions.get(given, given)
        if ours is None or not _VERSION.fullmatch(ours):
            raise _NOT_PLAIN
        if type(given) is str and len(self._versions) < _NAMES_KEPT:
            self._versions[given] = ours
        return ours

    def _moment(self, find: Find | None, content: dict[str, Any], record: Record) -> datetime:
        found = None if find is None else find(content)
        if found is None:
            return _EPOCH + timedelta(milliseconds=max(0, record.timestamp()[1]))
        if type(found) is str:
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None or moment.year <= _EPOCH.year:
                raise _NOT_PLAIN
            return moment.astimezone(UTC)
        if type(found) is int and self._unit is not None and found * self._unit >= _A_YEAR:
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
        for value in found.values():
            if type(value) is not float or not -_WRITTEN_ALIKE < value < _WRITTEN_ALIKE:
                return {name: _feature(value) for name, value in found.items()}
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
