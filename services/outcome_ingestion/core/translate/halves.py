"""A request and its response as two records: each becomes a half, and both halves of an exchange have one key.

Why a topic of their own: a model server's logger spreads its records over partitions as it likes, and what is to be
joined must be in one partition. Role `translate` sends each half there by its exchange; role `pair` joins them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from driftloop.contracts.topics import PREDICTION_HALVES
from driftloop.processor import Outgoing
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import invalid
from outcome_ingestion.core.translate.document import Document
from outcome_ingestion.core.translate.inference import (
    Rows,
    part_of,
    request_rows,
    response_rows,
    shadow_tensors,
    with_shadows,
)
from outcome_ingestion.core.translate.paths import Fields, Paths
from outcome_ingestion.core.translate.scalars import moment_of, text_of

Part = Literal["request", "response"]
_OF_THE_ANSWER = ("model_version", "confidence")
_KSERVE = "org.kubeflow.serving.inference."


class Half(msgspec.Struct, frozen=True):
    """One half of an exchange, as it stands on the topic: fields of the outcome by row, and those of all rows."""

    source: str
    model_id: str
    exchange: str
    part: Part
    rows: list[dict[str, Any]]
    common: dict[str, Any]

    @property
    def key(self) -> str:
        """What both halves of an exchange share."""
        return f"{self.source}/{self.exchange}"

    def outgoing(self) -> Outgoing:
        """The record of the half."""
        return Outgoing(PREDICTION_HALVES, self.key, msgspec.json.encode(self))


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Reads a model server's records."""

    source: ModelSource
    paths: Paths

    def half(self, document: Document) -> Half:
        """The half that a record is; raises `Refusal`."""
        body = document.content.get("data") if self.source.server == "kserve" else document.content
        part = self._part(document, body)
        scope = self.paths.scope(document)
        rows = request_rows(body, self.source) if part == "request" else self._answered(body, scope)
        common = self._common(document, body, part)
        return Half(self.source.name, self.source.model_id, self._exchange(document, body), part, rows, common)

    def whole(self, document: Document) -> list[Fields]:
        """The rows of a record that holds request and response; raises `Refusal`."""
        paths, scope = self.source.paths, self.paths.scope(document)
        request, response = self.paths.at(paths.request or "", scope), self.paths.at(paths.response or "", scope)
        rows = merged(request_rows(request, self.source), self._answered(response, scope))
        common = self._common(document, response, "response")
        if paths.prediction_id is not None:
            exchange = self.paths.at(paths.prediction_id, scope)
        else:
            exchange = _id_in(response) or _id_in(request) or document.key
        if self.source.ids == "position":
            exchange = document.place
        return numbered(str(_needed(exchange)), rows, common | {"predicted_at": common["predicted_at"]})

    def _answered(self, body: Any, scope: Mapping[str, Any]) -> Rows:
        """The rows of a response, with what versions in the shadow predicted of each."""
        rows = response_rows(body, self.source)
        told = {self.paths.version(name) or "": one for name, one in shadow_tensors(body, self.source).items()}
        return with_shadows(rows, {**told, **self.paths.shadows(scope)}, self.source)

    def _part(self, document: Document, body: Any) -> Part:
        if self.source.server == "kserve":
            kind = str(document.content.get("type"))
            if kind not in (f"{_KSERVE}request", f"{_KSERVE}response"):
                raise invalid("NoInference", f"the event's type is {kind[:100]!r}, and KServe's logger writes "
                              f"{_KSERVE}request and .response")  # fmt: skip
            return "request" if kind.endswith(".request") else "response"
        return "response" if part_of(body) == "response" else "request"

    def _exchange(self, document: Document, body: Any) -> str:
        server, key = self.source.server, document.key
        if server == "kserve":
            return str(document.content["id"])
        if server == "seldon" and key:
            return key.rpartition(".")[2]
        return str(_needed(key or _id_in(body)))

    def _common(self, document: Document, body: Any, part: Part) -> Fields:
        scope = self.paths.scope(document)
        fields = {name: value for name, value in self.paths.optional(scope).items() if value not in (None, {}, "")}
        self._name(fields, scope)
        if part == "response" and "model_version" not in fields:
            given = body.get("model_version") if isinstance(body, Mapping) else None
            fields["model_version"] = self.paths.version(str(given) if given else None)
        if "predicted_at" not in fields:
            event_time = document.content.get("time") if self.source.server == "kserve" else None
            fields["predicted_at"] = (
                moment_of(event_time, "the event's time", self.source) if event_time else document.at
            )
        return fields

    def _name(self, fields: Fields, scope: Mapping[str, Any]) -> None:
        """The id that the source's path gives in this half; None says that it is wanted and is not here."""
        path = self.source.paths.prediction_id
        if path is not None and self.source.in_halves:
            found = self.paths.at(path, scope)
            fields["prediction_id"] = None if found is None else text_of(found, f"the path '{path}' (prediction_id)")


def exchanged(request: Half, response: Half) -> list[Fields]:
    """The rows of two halves of one exchange; raises `Refusal` if they do not fit, or if no half has the id.

    What both say is taken from the request, the version and the confidence from the response.
    """
    common: Fields = {**response.common, **request.common}
    common |= {name: value for name, value in response.common.items() if name in _OF_THE_ANSWER}
    for name in ("segment", "attributes"):
        if name in common:
            common[name] = {**response.common.get(name, {}), **request.common.get(name, {})}
    named = [half.common["prediction_id"] for half in (request, response) if "prediction_id" in half.common]
    exchange = next((one for one in named if one is not None), None if named else request.exchange)
    if exchange is None:
        raise invalid(
            "MissingPath", "the path of prediction_id gives nothing, neither in the request nor in its response"
        )
    return numbered(exchange, merged(request.rows, response.rows), common)


def merged(request: list[Fields], response: list[Fields]) -> list[Fields]:
    """The rows of an exchange; raises `Refusal` if its halves have not the same number of them."""
    if len(request) != len(response):
        raise invalid("RowsDiffer", f"the request has {len(request)} rows, its response {len(response)}")
    return [{**asked, **said} for asked, said in zip(request, response, strict=True)]


def numbered(exchange: str, rows: list[Fields], common: Fields) -> list[Fields]:
    """The rows with their ids: that of the exchange if there is one row, else `<exchange>-<row>`.

    >>> [row["prediction_id"] for row in numbered("a", [{}, {}], {})]
    ['a-0', 'a-1']
    """
    several = len(rows) > 1
    return [
        {**common, **row, "prediction_id": f"{exchange}-{n}" if several else exchange} for n, row in enumerate(rows)
    ]


def _id_in(body: Any) -> Any:
    return body.get("id") if isinstance(body, Mapping) else None


def _needed(exchange: Any) -> Any:
    if exchange in (None, ""):
        raise invalid("MissingPath", "the record has no request id, neither as its key nor in its body: "
                      "have the server log one (if a record holds request and response: set "
                      "`paths.prediction_id` or `ids: position`)")  # fmt: skip
    return exchange
