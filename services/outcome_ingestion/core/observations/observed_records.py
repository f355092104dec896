"""`prediction-labels`: a record that is a value of a series, and keys of models whose truth comes so."""

from typing import NamedTuple

import pyarrow as pa

from driftloop.codec.frames import FEATURE
from driftloop.codec.outcomes import LabelRow
from driftloop.spec.forecast import key_feature
from driftloop.spec.model_spec import ModelSpec
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.decode.timestamps import check_moment, microseconds_of
from outcome_ingestion.core.frames.blocks import Block
from outcome_ingestion.core.refusal import Refusal, invalid


class Observation(NamedTuple):
    """The value of a series at a time. `place` orders it among the rows of the batch; times in microseconds since
    1970; `at` is when the value was known."""

    place: int
    entity: str
    observed_at: int
    value: float
    at: int
    source: str


def keys_of(block: Block) -> pa.StringArray:
    """The key that the record of each row has to have; empty where the entity is missing."""
    feature = key_feature(block.layout.spec)
    if feature is None:
        return block.ids
    return entities_of(block.columns, feature, block.layout.model_id, len(block))


def entities_of(columns: dict[str, pa.Array], feature: str, model_id: str, rows: int) -> pa.StringArray:
    """Whose series each row is of; the model's id where there is one series."""
    return columns[FEATURE + feature].fill_null("") if feature else pa.repeat(pa.scalar(model_id), rows)


def key_refusal(spec: ModelSpec) -> Refusal:
    """Why a record with another key is buried."""
    feature = key_feature(spec)
    if feature is None:
        return invalid("WrongKey", "the record's key is not its prediction_id")
    what = f"the value of its entity '{feature}'" if feature else "its model_id"
    return invalid(
        "WrongKey",
        f"the record's key is not {what}: the truth of this model comes as observations, and they meet forecasts there",
    )


def fit_observation(row: LabelRow, layout: Layout, place: int, latest: int) -> Observation:
    """The value as the model's spec wants it; raises `Refusal`."""
    if not layout.is_observed:
        raise invalid(
            "NotObserved", "the truth of this model comes as labels by prediction_id: see forecast.truth in its spec"
        )
    if row.prediction_id is not None:
        raise invalid("TwoSubjects", "give prediction_id for a label, or observed_at for a value of a series, not both")
    feature, entity = key_feature(layout.spec), row.entity
    if feature and entity is None:
        raise invalid("MissingField", f"the observation says no entity: whose value is it (feature '{feature}')?")
    at, observed_at = microseconds_of(row.labelled_at, "labelled_at"), microseconds_of(row.observed_at, "observed_at")
    check_moment(at, "labelled_at", latest)
    check_moment(observed_at, "observed_at", latest)
    entity = entity if entity is not None and feature else layout.model_id
    return Observation(place, entity, observed_at, _value(row, layout), at, row.label_source)


def _value(row: LabelRow, layout: Layout) -> float:
    (name,) = layout.target
    value = row.label.get(name) if isinstance(row.label, dict) else row.label
    if value is None:
        raise invalid("MissingField", f"the observation has no value of '{name}': give it in label")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("WrongType", f"an observation of '{name}' is a number, not {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise invalid("WrongType", f"the observation of '{name}' is too large a number") from error
