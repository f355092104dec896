"""The table of an outcome's plain fields and the contracts say the same; what comes from the table has every field."""

import math
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec
import pyarrow as pa
import pytest
from annotated_types import Ge, Le
from pydantic import AwareDatetime

from driftloop.archive.schema import ARCHIVE_SCHEMA
from driftloop.codec.columns import ColumnBatch
from driftloop.codec.frames import ROW_COLUMNS
from driftloop.codec.outcomes import LabelRow, OutcomeRow
from driftloop.contracts.outcome_fields import MAP_FIELDS, OUTCOME_FIELDS, OutcomeField
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from outcome_ingestion.core.decode.json_rows import ROW_FIELDS

OF_THEIR_OWN = {"prediction_id", "model_id", "features", "prediction", "label", *MAP_FIELDS}
KINDS = {str: "text", float: "number", int: "whole", AwareDatetime: "moment"}
FIELDS = pytest.mark.parametrize("field", OUTCOME_FIELDS, ids=lambda field: field.name)


def _declared(name: str, contract: type = PredictionOutcome) -> OutcomeField:
    """A field as a contract declares it, in the words of the table."""
    info = contract.model_fields[name]
    parts = [part for part in get_args(info.annotation) if part is not NoneType] or [info.annotation]
    kind = "choice" if get_origin(info.annotation) is Literal else KINDS[_plain(parts[0])]
    bounds = {type(one): one for one in info.metadata}
    return OutcomeField(
        name,
        kind,
        required=info.is_required(),
        default=None if info.is_required() else info.default,
        least=bounds[Ge].ge if Ge in bounds else -math.inf,
        most=bounds[Le].le if Le in bounds else math.inf,
    )


def _plain(kind: Any) -> Any:
    if kind is AwareDatetime:
        return kind
    return _plain(get_args(kind)[0]) if get_args(kind) else kind


def test_the_contract_has_the_fields_of_the_table_and_those_with_a_meaning_of_their_own():
    assert set(PredictionOutcome.model_fields) == {field.name for field in OUTCOME_FIELDS} | OF_THEIR_OWN


@FIELDS
def test_the_contract_declares_a_field_as_the_table_does(field):
    declared = _declared(field.name)
    assert (declared.kind, declared.required, declared.default, declared.bounds) == (
        field.kind, field.required, field.default, field.bounds,
    )  # fmt: skip


def test_a_label_says_the_fields_that_are_of_labels():
    said = set(PredictionLabel.model_fields) - {"prediction_id", "model_id", "label", "entity", "observed_at"}
    assert said == {field.name for field in OUTCOME_FIELDS if field.of_label}
    for name in said - {"labelled_at"}:
        assert _declared(name, PredictionLabel) == _declared(name)


@FIELDS
def test_every_encoding_has_a_field(field):
    assert field.name in OutcomeRow.__struct_fields__
    assert field.name in ColumnBatch.__struct_fields__
    assert field.name in ROW_FIELDS
    assert field.name in ROW_COLUMNS
    assert (field.name in ARCHIVE_SCHEMA.names) == field.archived
    if field.archived:
        assert ARCHIVE_SCHEMA.field(field.name).type == ROW_COLUMNS[field.name]


def test_the_classes_have_no_other_fields():
    names = {field.name for field in OUTCOME_FIELDS} | OF_THEIR_OWN
    assert set(OutcomeRow.__struct_fields__) == set(ColumnBatch.__struct_fields__) == set(ROW_FIELDS) == names
    assert set(LabelRow.__struct_fields__) == set(PredictionLabel.model_fields)


def test_frames_have_the_columns_that_were_committed_to_in_their_order():
    """Frames of earlier releases stand on logs and in state: columns are added at the end, never moved."""
    assert list(ROW_COLUMNS.items())[:13] == [
        ("event", pa.string()),
        ("prediction_id", pa.string()),
        ("model_version", pa.string()),
        ("predicted_at", pa.timestamp("us", tz="UTC")),
        ("labelled_at", pa.timestamp("us", tz="UTC")),
        ("label_source", pa.string()),
        ("weight", pa.float64()),
        ("confidence", pa.float64()),
        ("latency_ms", pa.float64()),
        ("status", pa.string()),
        ("cost", pa.float64()),
        ("tokens", pa.int64()),
        ("attributes", pa.string()),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"prediction_id":"a"}', "missing required field `model_id`"),
        ('{"prediction_id":"a","model_id":"m"}', "missing required field `predicted_at`"),
        ('{"prediction_id":"a","model_id":"m","predicted_at":"x"}', "missing required field `features`"),
        ('{"confidence":2}', r"Expected `float` <= 1(\.0)? - at"),
        ('{"tokens":-1}', "Expected `int` >= 0 - at"),
        ('{"label_source":"guess"}', "Invalid enum value 'guess' - at"),
    ],
)
def test_what_is_wrong_is_said_as_before(text, sentence):
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.json.decode(text, type=OutcomeRow)
