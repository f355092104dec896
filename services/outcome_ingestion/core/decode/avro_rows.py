"""Avro records to rows and labels: by the fingerprint of the version that wrote them.

Many rows of the current version that look alike, which is what a producer sends, are read at once
(`learn` gives their shape). Every other goes the patient way, by the contract's names, which knows each
spelling and says what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Any

import msgspec

from driftloop.codec.avro import AvroTopic
from driftloop.codec.outcomes import DECODE_ERRORS, LabelRow, OutcomeRow
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from outcome_ingestion.core.decode.fast.avro_shapes import learn_avro_shape
from outcome_ingestion.core.decode.framed_schemas import DATUM, FindSchema, FramedSchemas
from outcome_ingestion.core.decode.json_rows import Find, Lesson, Row, fit_row
from outcome_ingestion.core.decode.timestamps import text_of
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable


@cache
def _topic(name: str) -> AvroTopic:
    """Its schemas are files that a process reads once: to read and parse them takes ten milliseconds."""
    return AvroTopic(name)


class AvroRows:
    """Reads `prediction-outcomes` and `prediction-labels` records in Avro: its single-object encoding, and
    with a registry behind `find_schema` Confluent's framing."""

    def __init__(self, find_schema: FindSchema | None = None) -> None:
        self._outcomes, self._labels = _topic(PREDICTION_OUTCOMES), _topic(PREDICTION_LABELS)
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
            _refuse_not_finite(datum["rating"], "the rating")
            return msgspec.convert(datum | {"labelled_at": text_of(datum["labelled_at"], "labelled_at")}, LabelRow)
        except DECODE_ERRORS as error:
            raise undecodable(error) from error

    def learn(self, value: bytes, find: Find) -> Lesson | None:
        """The shape of a record of the current version in either framing, and the reader of its model."""
        is_own = value.startswith(self._outcomes.header)
        try:
            row = (self._row if is_own else self._framed_row)(value, find)
            if not is_own and not self._of_outcomes.of(value).same:
                return None
        except (Refusal, *DECODE_ERRORS):
            return None
        reader = find(row.model_id)
        assert reader is not None
        if reader.layout.has_series or reader.layout.widths:  # lists are checked one by one
            return None
        start = len(self._outcomes.header) if is_own else DATUM
        shape = learn_avro_shape(value, start, self._outcomes.schema, reader.layout)
        return None if shape is None else (reader, shape)

    def _row(self, value: bytes | None, find: Find) -> Row:
        if value is None:
            raise Refusal("decode", "NullValue", "the record has no value")
        return _fitted(self._outcomes.decode(value), find)

    def _framed_row(self, value: bytes | None, find: Find) -> Row:
        if value is None:
            raise Refusal("decode", "NullValue", "the record has no value")
        return _fitted(self._outcomes.decode_as(value, DATUM, self._of_outcomes.of(value)), find)


def _fitted(datum: dict[str, Any], find: Find) -> Row:
    """The row in a datum; raises `Refusal` and what `msgspec.convert` raises."""
    for name in ("features", "prediction", "label", "shadow"):
        _refuse_not_finite(datum[name], name)
    moments = {name: datum[name] for name in ("predicted_at", "labelled_at")}
    outcome = msgspec.convert(datum | {"predicted_at": "", "labelled_at": None}, OutcomeRow)
    row, _ = fit_row(outcome, find)
    row.predicted_at, row.labelled_at = moments["predicted_at"], moments["labelled_at"]
    return row


def _refuse_not_finite(value: Any, what: str) -> None:
    if isinstance(value, Mapping):
        for name, part in value.items():
            _refuse_not_finite(part, f"{what} '{name}'")
    elif isinstance(value, float) and not isfinite(value):
        raise invalid("NotFinite", f"{what} is NaN or infinite; a missing value is null")
