"""Avro records to rows and labels: by the fingerprint of the version that wrote them.

Rows of the current version whose features are numbers in one order, which is what a producer sends,
go straight into the row class of their model. Every other goes the patient way, by the contract's
names, which knows each spelling and says what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from driftloop.codec.avro import AvroTopic
from driftloop.codec.avro_reader import Numbers, RecordReader
from driftloop.codec.outcomes import DECODE_ERRORS, LabelRow, OutcomeRow
from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from outcome_ingestion.core.framed_schemas import DATUM, FindSchema, FramedSchemas
from outcome_ingestion.core.json_rows import Find, Row, RowReader, fit_row
from outcome_ingestion.core.layout import Layout
from outcome_ingestion.core.moments import text_of
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable

_ENDING = "label_source"
_SOURCES = {"user", "system", "pseudo"}


class AvroRows:
    """Reads `prediction-outcomes` and `prediction-labels` records in Avro: its single-object encoding, and
    with a registry behind `find_schema` Confluent's framing."""

    def __init__(self, find_schema: FindSchema | None = None) -> None:
        self._outcomes, self._labels = AvroTopic(PREDICTION_OUTCOMES), AvroTopic(PREDICTION_LABELS)
        self._reader = RecordReader(self._outcomes.schema, _ENDING)
        self._header, self._start = self._outcomes.header, len(self._outcomes.header)
        self._usual: WeakKeyDictionary[RowReader, _Usual] = WeakKeyDictionary()
        self._of_outcomes = FramedSchemas(find_schema, self._outcomes)
        self._of_labels = FramedSchemas(find_schema, self._labels)

    def read(self, values: Sequence[bytes | None], find: Find) -> list[Row | Refusal]:
        """Every record's row, or its refusal, in their order. Times are microseconds since 1970."""
        return self._each(values, find, self._row)

    def read_framed(self, values: Sequence[bytes | None], find: Find) -> list[Row | Refusal]:
        """The same of records in Confluent's framing."""
        return self._each(values, find, self._framed_row)

    @staticmethod
    def _each(
        values: Sequence[bytes | None], find: Find, read: Callable[[bytes | None, Find], Row]
    ) -> list[Row | Refusal]:
        rows: list[Row | Refusal] = []
        for value in values:
            try:
                rows.append(read(value, find))
            except Refusal as refusal:
                rows.append(refusal)
            except DECODE_ERRORS as error:
                rows.append(undecodable(error))
        return rows

    def label(self, value: bytes | None) -> LabelRow:
        """The label in a record; raises `Refusal`."""
        return self._label(value, self._labels.decode)

    def framed_label(self, value: bytes | None) -> LabelRow:
        """The label in a record in Confluent's framing; raises `Refusal`."""
        return self._label(value, lambda given: self._labels.decode_as(given, DATUM, self._of_labels.of(given)))

    @staticmethod
    def _label(value: bytes | None, decode: Callable[[bytes], dict[str, Any]]) -> LabelRow:
        if value is None:
            raise Refusal("decode", "NullValue", "the record has no value")
        try:
            datum = decode(value)
            _refuse_not_finite(datum["label"], "the label")
            _refuse_not_finite(datum["weight"], "the weight")
            return msgspec.convert(datum | {"labelled_at": text_of(datum["labelled_at"], "labelled_at")}, LabelRow)
        except DECODE_ERRORS as error:
            raise undecodable(error) from error

    def _row(self, value: bytes | None, find: Find) -> Row:
        if value is None:
            raise Refusal("decode", "NullValue", "the record has no value")
        if not value.startswith(self._header):
            datum = self._outcomes.decode(value)
            return _patiently([datum[name] for name in self._reader.names], self._reader.names, find)
        return self._own(value, self._start, find)

    def _framed_row(self, value: bytes | None, find: Find) -> Row:
        if value is None:
            raise Refusal("decode", "NullValue", "the record has no value")
        schema = self._of_outcomes.of(value)
        if schema.same:
            return self._own(value, DATUM, find)
        datum = self._outcomes.decode_as(value, DATUM, schema)
        return _patiently([datum[name] for name in self._reader.names], self._reader.names, find)

    def _own(self, value: bytes, start: int, find: Find) -> Row:
        """The row in a datum of the current version."""
        fields = self._reader.read(value, start)
        reader = find(fields[1])
        row = None if reader is None else _quickly(fields, reader, self._usual_of(reader))
        return _patiently(fields, self._reader.names, find) if row is None else row

    def _usual_of(self, reader: RowReader) -> "_Usual":
        usual = self._usual.get(reader)
        if usual is None:
            usual = self._usual[reader] = _usual_of(reader.layout)
        return usual


class _Usual(NamedTuple):
    """What is usual in rows of one layout: the features' names where all are numbers, and the types
    that a prediction or label of the only target field may have as they are."""

    names: tuple[str, ...] | None
    kinds: frozenset[type]


def _usual_of(layout: Layout) -> _Usual:
    names = tuple(layout.raw) if set(layout.raw.values()) == {"number"} else None
    if not layout.single:
        return _Usual(names, frozenset({type(None)}))
    kinds = {float, int} if layout.target[layout.single].kind == "number" else {str, int, bool}
    return _Usual(names, frozenset({type(None), *kinds}))


def _quickly(fields: list[Any], reader: RowReader, usual: _Usual) -> Row | None:
    """The row, where nothing about it needs a second look; else None."""
    (
        prediction_id, model_id, version, predicted_at, features, prediction, confidence, label, labelled_at,
        source, weight, segment, latency_ms, status, cost, tokens, shadow, attributes,
    ) = fields  # fmt: skip
    as_usual = (
        type(features) is Numbers
        and features.names == usual.names
        and isfinite(sum(features.values))
        and 0 < len(prediction_id) <= LONGEST_ID
        and source in _SOURCES
        and tokens is None
        and not (segment or shadow or attributes)
        and type(prediction) in usual.kinds
        and type(label) in usual.kinds
        and isfinite(prediction if type(prediction) is float else 0.0)
        and isfinite(label if type(label) is float else 0.0)
    )
    if not as_usual:
        return None
    return reader.row(
        prediction_id, model_id, predicted_at, reader.features(*features.values), version, prediction, confidence,
        label, labelled_at, source, weight, latency_ms, status, cost, tokens,
    )  # fmt: skip


def _patiently(fields: list[Any], names: Sequence[str], find: Find) -> Row:
    """Any row by the contract's names; raises `Refusal` and what `msgspec.convert` raises."""
    datum = {name: _as_mapping(value) for name, value in zip(names, fields, strict=True)}
    for name in ("features", "prediction", "label", "shadow"):
        _refuse_not_finite(datum[name], name)
    moments = {name: datum[name] for name in ("predicted_at", "labelled_at")}
    outcome = msgspec.convert(datum | {"predicted_at": "", "labelled_at": None}, OutcomeRow)
    row, _ = fit_row(outcome, find)
    row.predicted_at, row.labelled_at = moments["predicted_at"], moments["labelled_at"]
    return row


def _as_mapping(value: Any) -> Any:
    if type(value) is Numbers:
        return dict(zip(value.names, value.values, strict=True))
    return {name: _as_mapping(part) for name, part in value.items()} if isinstance(value, dict) else value


def _refuse_not_finite(value: Any, what: str) -> None:
    if isinstance(value, Mapping):
        for name, part in value.items():
            _refuse_not_finite(part, f"{what} '{name}'")
    elif isinstance(value, float) and not isfinite(value):
        raise invalid("NotFinite", f"{what} is NaN or infinite; a missing value is null")
