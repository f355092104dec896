"""The paths of a source: a document to the fields of its rows."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from math import inf
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import Refusal, invalid
from outcome_ingestion.core.translate.debezium import PassedOver
from outcome_ingestion.core.translate.document import Document
from outcome_ingestion.core.translate.scalars import flat, missing, moment_of, named_once, scalar_of, text_of

Fields = dict[str, Any]
"""Fields of an outcome or a label, times as `datetime`."""

_TIMES = ("predicted_at", "labelled_at")
_NUMBERS = ("confidence", "weight", "latency_ms")
_MOST_NAMED = 12
_WITHIN = {
    "subexpression",
    "index_expression",
    "projection",
    "value_projection",
    "filter_projection",
    "flatten",
    "pipe",
}
"""Nodes of JMESPath whose further parts see what the first one gave."""


class Paths:
    """The compiled paths of one source."""

    def __init__(self, source: ModelSource) -> None:
        self._source, self._paths = source, source.paths
        self._compiled: dict[str, Callable[[Any], Any]] = {}
        self._in_unit = {unit: source.model_copy(update={"time_unit": unit}) for unit in ("ns", "us", "ms")}
        self._sees_kafka = "_kafka" in source.paths.model_dump_json() + (source.where or "")

    def rows(self, document: Document) -> Iterator[Fields | Refusal | PassedOver]:
        """The fields of each row, or why it has none; raises `Refusal` for the whole record."""
        for number, scope in enumerate(self.scopes(document)):
            try:
                yield self._fields(scope, document, number)
            except (Refusal, PassedOver) as why:
                yield why

    def is_wanted(self, document: Document) -> bool:
        """Whether the record is of this source; raises `Refusal` where `where` gives no truth value."""
        path = self._source.where
        if path is None:
            return True
        found = self.at(path, self.scope(document))
        if found is None or isinstance(found, bool):
            return found is True
        raise invalid("WrongType", f"`where` ({path}) gives {str(found)[:60]!r}, and true or false is needed")

    def scopes(self, document: Document) -> list[Mapping[str, Any]]:
        """What the paths of each row see."""
        scope = self.scope(document)
        if self._paths.rows is None:
            return [scope]
        found = self.at(self._paths.rows, scope)
        if not isinstance(found, list):
            raise missing(f"the path '{self._paths.rows}' (rows)", "it gives no list" + _holds(scope))
        return [{**scope, "row": row} for row in found]

    def scope(self, document: Document) -> dict[str, Any]:
        """What the paths of the document see."""
        content = document.content
        scope = dict(content) if isinstance(content, dict) else {"value": content}
        return {**scope, "_kafka": document.about} if self._sees_kafka else scope

    def at(self, path: str, scope: Mapping[str, Any]) -> Any:
        """What a path gives; raises `Refusal` where it cannot be evaluated there."""
        search = self._compiled.get(path)
        if search is None:
            names = path.split(".")
            plain = all(name.isidentifier() and name.isascii() for name in names)
            search = self._compiled[path] = _walk(names) if plain else jmespath.compile(path).search
        try:
            return search(scope)
        except (JMESPathError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise invalid("MissingPath", f"the path '{path}' cannot be evaluated: {error}"[:500]) from error

    def optional(self, scope: Mapping[str, Any]) -> Fields:
        """The fields that a row may have beside what it predicts; None where a path gives nothing."""
        paths = self._paths
        fields: Fields = {}
        for name in _TIMES:
            if (path := getattr(paths, name)) is not None and (found := self.at(path, scope)) is not None:
                fields[name] = moment_of(found, f"the path '{path}' ({name})", self._source)
        for name in _NUMBERS:
            if (path := getattr(paths, name)) is not None and (found := self.at(path, scope)) is not None:
                fields[name] = scalar_of(found, f"the path '{path}' ({name})")
        if (path := paths.rating) is not None and (found := self.at(path, scope)) is not None:
            fields["rating"] = self._rating(scalar_of(found, f"the path '{path}' (rating)"), path)
        for name in ("segment", "attributes"):
            found = {key: self.at(path, scope) for key, path in getattr(paths, name).items()}
            fields[name] = {key: text_of(one, f"{name} '{key}'") for key, one in found.items() if one is not None}
        if paths.model_version is not None and (found := self.at(paths.model_version, scope)) is not None:
            fields["model_version"] = self.version(text_of(found, f"the path '{paths.model_version}' (model_version)"))
        return fields

    def shadows(self, scope: Mapping[str, Any]) -> Fields:
        """What each version in the shadow predicted, by our name of it; one that predicted nothing is left out."""
        paths = self._paths.shadow
        if isinstance(paths, str):
            found = self.at(paths, scope)
            if found is not None and not isinstance(found, Mapping):
                raise invalid("WrongType", f"the path '{paths}' (shadow) gives no object of version and prediction")
        else:
            found = {name: self.at(path, scope) for name, path in (paths or {}).items()}
        named = {self.version(str(name)) or "": one for name, one in (found or {}).items()}
        return {name: one for name, one in named.items() if one is not None}

    def version(self, given: str | None) -> str | None:
        """Our name of a version of the source."""
        return self._source.version if given is None else self._source.versions.get(given, given)

    def _rating(self, given: Any, path: str) -> float | None:
        """A rating from 0 to 1; raises `Refusal`."""
        worst, best = self._source.rating_range
        if isinstance(given, str):
            try:
                given = float(given)
            except ValueError:
                given = inf
        if given is None:
            return None
        share = (given - worst) / (best - worst)
        if 0.0 <= share <= 1.0:
            return float(share)
        raise invalid("InvalidRow", f"the path '{path}' (rating) gives no number from {worst:g} to {best:g}")

    def _fields(self, scope: Mapping[str, Any], document: Document, number: int) -> Fields:
        fields = self.optional(scope)
        if self._source.gives == "labels":
            fields |= self._said(fields, scope, document, number)
            fields.setdefault("labelled_at", self._labelled_at(document))
            return fields
        fields["prediction_id"] = self._id(scope, document, number)
        fields["features"] = self._features(scope)
        fields["prediction"] = self._value("prediction", scope)
        if shadows := self.shadows(scope):
            fields["shadow"] = {name: _one_or_fields(one, name, "shadow") for name, one in shadows.items()}
        fields.setdefault("predicted_at", document.at)
        fields.setdefault("model_version", self._source.version)
        if self._paths.label is not None and (label := self._optional_label(scope)) is not None:
            fields["label"] = label
            fields.setdefault("labelled_at", document.at)
        return fields

    def _said(self, fields: Fields, scope: Mapping[str, Any], document: Document, number: int) -> Fields:
        """What a label is of, and what it says: a truth, a rating alone, or a value of a series."""
        paths = self._paths
        if paths.observed_at is not None:
            at = self._required(paths.observed_at, "observed_at", scope)
            said: Fields = {"observed_at": moment_of(at, f"the path '{paths.observed_at}' (observed_at)", self._source)}
            if paths.entity is not None:
                entity = self._required(paths.entity, "entity", scope)
                said["entity"] = text_of(entity, f"the path '{paths.entity}' (entity)")
            return said | {"label": self._value("label", scope, may_be_null=True)}
        said = {"prediction_id": self._id(scope, document, number)}
        label = None if paths.label is None else self._optional_label(scope)
        if label is not None:
            return said | {"label": label}
        if "rating" not in fields:
            raise PassedOver("no_rating_yet" if paths.label is None else "no_label_yet")
        return said

    def _id(self, scope: Mapping[str, Any], document: Document, number: int) -> str:
        rowed = self._paths.rows is not None
        if self._source.ids == "position":
            return f"{document.place}-{number}" if rowed else document.place
        path = self._paths.prediction_id or ""
        found = text_of(self._required(path, "prediction_id", scope), f"the path '{path}' (prediction_id)")
        return found if not rowed or self._id_is_of_row else f"{found}-{number}"

    @cached_property
    def _id_is_of_row(self) -> bool:
        """Whether the path of the id reads the row, and so gives each row one of its own."""
        return sees_name(self._paths.prediction_id or "", "row")

    def _features(self, scope: Mapping[str, Any]) -> Fields:
        paths = self._paths.features
        if isinstance(paths, str):
            said = f"the path '{paths}' (features)"
            return named_once(flat(self._required(paths, "features", scope), said), said)
        found: list[tuple[str, Any]] = []
        for name, path in (paths or {}).items():
            value = self.at(path, scope)
            if isinstance(value, Mapping):
                found += [(f"{name}.{inner}", one) for inner, one in flat(value, f"the path '{path}'")]
            else:
                found.append((name, scalar_of(value, f"the path '{path}' (feature '{name}')")))
        return named_once(found, "paths.features")

    def _value(self, name: str, scope: Mapping[str, Any], *, may_be_null: bool = False) -> Any:
        """A prediction or label, one value or one a field of the target."""
        paths = getattr(self._paths, name)
        if isinstance(paths, str):
            one = _one_or_fields(self._required(paths, name, scope, may_be_null=may_be_null), paths, name)
            if one is None and may_be_null:
                raise PassedOver("no_label_yet")  # NaN: missing, as null is
            return one
        found = {}
        for field, path in paths.items():
            value = self._required(path, f"{name} '{field}'", scope, may_be_null=may_be_null)
            found[field] = scalar_of(value, f"the path '{path}' ({name} '{field}')")
            if found[field] is None and may_be_null:
                raise PassedOver("no_label_yet")
        return found

    def _optional_label(self, scope: Mapping[str, Any]) -> Any:
        try:
            return self._value("label", scope, may_be_null=True)
        except PassedOver:
            return None

    def _labelled_at(self, document: Document) -> Any:
        if self._source.envelope != "debezium":
            return document.at
        source = document.content["source"]
        given = source.get("ts_ms")
        if not isinstance(given, int) or isinstance(given, bool) or given <= 0:
            raise missing("the path 'source.ts_ms'", "the change does not say when it was committed (unwrapped: set "
                          "add.fields=source.ts_ms), and without it a resend would look like a correction")  # fmt: skip
        unit = next((unit for unit in ("ns", "us") if type(at := source.get(f"ts_{unit}")) is int and at > 0), "ms")
        return moment_of(source[f"ts_{unit}"], f"the path 'source.ts_{unit}'", self._in_unit[unit])

    def _required(self, path: str, name: str, scope: Mapping[str, Any], *, may_be_null: bool = False) -> Any:
        found = self.at(path, scope)
        if found is not None:
            return found
        if may_be_null and _is_there(path, scope):
            raise PassedOver("no_label_yet")
        raise missing(f"the path '{path}' ({name})", "it gives nothing" + _holds(scope))


def _one_or_fields(value: Any, path: str, name: str) -> Any:
    if isinstance(value, Mapping):
        return {str(field): scalar_of(one, f"the path '{path}.{field}' ({name})") for field, one in value.items()}
    return scalar_of(value, f"the path '{path}' ({name})")


def _walk(names: list[str]) -> Callable[[Any], Any]:
    """What JMESPath does for a path of names alone, in a tenth of the time."""

    def search(scope: Any) -> Any:
        for name in names:
            if not isinstance(scope, dict):
                return None
            scope = scope.get(name)
        return scope

    return search


def sees_name(path: str, name: str) -> bool:
    """Whether a path reads the field `name` of what it is evaluated on, and not only of something within.

    >>> [sees_name(path, "row") for path in ("row.id", "[row.a, b]", "@.row.id", "browser_id", "cart.row", "throw.id")]
    [True, True, True, False, False, False]
    """
    return _reads(jmespath.compile(path).parsed, name)


def _reads(node: Any, name: str) -> bool:
    if not isinstance(node, dict):
        return False
    if node["type"] == "field":
        return bool(node["value"] == name)
    children = node["children"]
    if node["type"] in _WITHIN:
        of_all = children[0]["type"] in ("current", "identity")  # `@`: the next part sees the same
        children = children[1:2] if of_all else children[:1]
    return any(_reads(child, name) for child in children)


def _is_there(path: str, scope: Any) -> bool:
    """Whether a plain path leads to a field that is there, null as it is; any other expression is believed."""
    for name in path.split("."):
        if not name.isidentifier():
            return True
        if not isinstance(scope, Mapping) or name not in scope:
            return False
        scope = scope[name]
    return True


def _holds(scope: Mapping[str, Any]) -> str:
    names = [str(name) for name in scope if name != "_kafka"][:_MOST_NAMED]
    return f"; the record has {', '.join(names)}"[:300] if names else "; the record has no fields"
