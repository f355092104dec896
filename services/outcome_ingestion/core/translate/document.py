"""A record to a document: framing, then encoding, then envelope."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from driftloop.codec.foreign.open_inference import Part, as_json, is_message, read_open_inference
from driftloop.processor import Record
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import Refusal
from outcome_ingestion.core.translate.cloudevents import event_of
from outcome_ingestion.core.translate.connect import connect_value, is_connect
from outcome_ingestion.core.translate.debezium import PassedOver, change_of
from outcome_ingestion.core.translate.framing import Framed, Headers, unframed
from outcome_ingestion.core.translate.schemas import FindForeign, ForeignSchemas

_SELDON: dict[str, Part] = {".inputs": "request", ".outputs": "response"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Document:
    """What a record says, and where it stood."""

    content: Any
    headers: Headers
    record: Record

    @property
    def place(self) -> str:
        """`topic-partition-offset`: the id of a record that has no other."""
        return f"{self.record.topic()}-{self.record.partition()}-{self.record.offset()}"

    @property
    def at(self) -> datetime:
        """The time of the Kafka record."""
        return _EPOCH + timedelta(milliseconds=max(0, self.record.timestamp()[1]))

    @property
    def key(self) -> str | None:
        """The key as text."""
        key = self.record.key()
        return None if key is None else key.decode("utf-8", "replace")

    @property
    def about(self) -> dict[str, Any]:
        """What paths see as `_kafka`."""
        headers = {name: value.decode("utf-8", "replace") for name, value in self.headers.items()}
        record = self.record
        return {
            "key": self.key, "topic": record.topic(), "partition": record.partition(), "offset": record.offset(),
            "headers": headers, "timestamp": record.timestamp()[1],
        }  # fmt: skip


def _side(topic: str) -> Part:
    for ending, part in _SELDON.items():
        if topic.endswith(ending):
            return part
    raise ValueError(f"the record is protobuf, and the topic {topic} ends neither with .inputs nor with .outputs")


class DocumentReader:
    """Reads the records of one source."""

    def __init__(self, source: ModelSource, find: FindForeign | None) -> None:
        self._source, self._schemas = source, ForeignSchemas(find, source)

    def read(self, record: Record) -> Document:
        """The document; raises `PassedOver` for what is right to drop, `Refusal` for what cannot be read."""
        value = record.value()
        if value is None:
            if self._source.envelope in ("debezium", "connect"):
                raise PassedOver("tombstone")
            raise Refusal("decode", "NullValue", "the record has no value")
        headers = {name: given or b"" for name, given in record.headers() or ()}
        framed = self._framed(value, headers)
        if self._source.server == "seldon":
            return Document(self._of_seldon(framed, record), headers, record)
        return Document(self._opened(self._schemas.read(framed), headers), headers, record)

    def _of_seldon(self, framed: Framed, record: Record) -> Any:
        """JSON, protobuf and a registry's framing may mix on a topic of Seldon's, whose name says which side it is."""
        try:
            if framed.reference is None and framed.body[:1] not in (b"{", b""):
                return read_open_inference(framed.body, _side(record.topic()))
            content = self._schemas.read(framed)
            return as_json(content) if is_message(content) else content
        except ValueError as error:
            raise Refusal("decode", "Undecodable", str(error)[:500]) from error

    def _framed(self, data: bytes, headers: Headers) -> Framed:
        if self._source.framing == "none":
            return Framed(None, data)
        return unframed(data, headers, self._source.registry_ids)

    def _opened(self, content: Any, headers: Headers) -> Any:
        match self._source.envelope:
            case "cloudevents":
                return event_of(headers, content)
            case "connect":
                opened = connect_value(content)
                if opened is None:
                    raise PassedOver("null_payload")
                return opened
            case "debezium":
                return change_of(connect_value(content) if is_connect(content) else content)
        if self._source.server == "kserve":
            return event_of(headers, content)
        return content
