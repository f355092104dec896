"""The hot path decodes with classes of its own; here it is held to the contract."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from driftloop.codec.outcomes import LabelRow, OutcomeRow
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome

NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**60), 2**60))
SOMETIMES_WRONG = {
    "prediction_id": st.one_of(st.text(min_size=1, max_size=20), st.just(""), st.just("x" * 201), st.none()),
    "model_version": st.sampled_from(["1.0.0", "10.2.33", "sha256:9f", ".v1", "a b", "a/b", "", None]),
    "predicted_at": st.sampled_from(
        ["2026-01-05T08:00:00Z", "2026-01-05T08:00:00.123456+02:00", "2026-01-05T08:00:00", "yesterday", "", None, []]
    ),
    "features": st.one_of(st.dictionaries(st.sampled_from(["speed", "rate"]), NUMBERS), st.none(), st.just([1])),
    "prediction": st.one_of(NUMBERS, st.none(), st.just({"d50": 1.5}), st.just([1.0])),
    "confidence": st.one_of(st.floats(-0.5, 1.5), st.none(), st.just({})),
    "label": st.one_of(NUMBERS, st.none(), st.just({"d50": 2})),
    "labelled_at": st.sampled_from(["2026-01-05T09:00:00Z", "later", None, {}]),
    "label_source": st.sampled_from(["user", "system", "pseudo", "guess", None]),
    "weight": st.one_of(st.floats(-1, 5), st.none()),
    "segment": st.one_of(st.dictionaries(st.just("region"), st.text(max_size=5)), st.none(), st.just({"": "x"})),
    "latency_ms": st.one_of(st.floats(-1, 5), st.none()),
    "status": st.one_of(st.text(max_size=5), st.none(), st.just([])),
    "cost": st.one_of(st.floats(-5, 5), st.none()),
    "tokens": st.one_of(st.integers(-2, 9), st.none()),
    "shadow": st.sampled_from([{}, {"1.0.1": 2.0}, {"1.0.1": {"d50": 2.0}}, {"v2": 1.0}, None, {"1.0.1": None}]),
    "attributes": st.one_of(st.dictionaries(st.text(min_size=1, max_size=3), st.text(max_size=3)), st.none()),
}  # fmt: skip
GOOD = {
    "prediction_id": "p1",
    "model_id": "plant",
    "model_version": "1.0.0",
    "predicted_at": "2026-01-05T08:00:00Z",
    "features": {"speed": 1.0},
    "prediction": 1.0,
}


@st.composite
def outcomes(draw):
    """A good row of which up to three fields are replaced or left out."""
    row = dict(GOOD)
    for name in draw(st.lists(st.sampled_from(sorted(SOMETIMES_WRONG)), max_size=3, unique=True)):
        row[name] = draw(SOMETIMES_WRONG[name])
    for name in draw(st.lists(st.sampled_from(sorted(GOOD)), max_size=1)):
        del row[name]
    return row


def test_the_row_classes_have_the_fields_of_the_contracts():
    for mine, contract in ((OutcomeRow, PredictionOutcome), (LabelRow, PredictionLabel)):
        assert mine.__struct_fields__ == tuple(contract.model_fields) or set(mine.__struct_fields__) == set(
            contract.model_fields
        )
        required = {f.name for f in msgspec.structs.fields(mine) if f.required}
        assert required == {name for name, f in contract.model_fields.items() if f.is_required()}


def holds_a_list(row: dict) -> bool:
    """Whether it has a value that only models of another kind may have: those of a forecast, or of a vector."""
    values = [row.get(name) for name in ("features", "prediction", "label")]
    return any(
        isinstance(one, list) for value in values for one in (value.values() if isinstance(value, dict) else [value])
    )


@given(outcomes())
def test_ingestion_takes_exactly_the_rows_that_the_contract_takes(fresh_bench, row):
    bench, make = fresh_bench()
    try:
        contract = PredictionOutcome.model_validate_json(json.dumps(row))
    except ValidationError:
        contract = None
    contract = None if holds_a_list(row) else contract
    bench.feed([make.outcome(row)])
    assert (contract is not None) == (bench.dead == []), (row, bench.dead)
    if contract is None:
        return
    (framed,) = bench.rows()
    assert framed["prediction_id"] == contract.prediction_id
    assert framed["predicted_at"] == contract.predicted_at
    assert framed["prediction.d50"] == _as_framed(contract.prediction)
    assert framed["label.d50"] == _as_framed(contract.label)
    assert framed["feature.speed"] == contract.features.get("speed")
    for name in ("confidence", "weight", "latency_ms", "status", "cost", "tokens", "model_version"):
        assert framed[name] == getattr(contract, name)
    assert json.loads(framed["attributes"] or "{}") == contract.attributes


def _as_framed(target):
    """A frame's numbers are doubles: whole numbers beyond 2**53 are rounded to the nearest."""
    value = target["d50"] if isinstance(target, dict) else target
    return value if value is None else float(value)


@pytest.mark.slow
@given(outcomes(), st.sampled_from([{"extra": 1.0}, {}]))
def test_the_patient_way_gives_the_same_row_as_the_quick_one(fresh_bench, row, extra):
    quick, make = fresh_bench()
    patient, _ = fresh_bench()
    for reader in patient.core._readers.values():
        reader.decode = lambda value: (_ for _ in ()).throw(ValueError("not the quick way"))
    if isinstance(row.get("features"), dict):
        row = row | {"features": row["features"] | extra}
    record = make.outcome(row)
    quick.feed([record])
    patient.feed([record])
    assert quick.rows() == patient.rows()
    assert [d.error_class for d in quick.dead] == [d.error_class for d in patient.dead]
