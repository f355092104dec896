import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.ingesting import START, CoreOutput, at, spec_record

from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.processor import Effects
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.core.rules import IngestRules

PLANT = {
    "model_id": "plant",
    "task": "regression",
    "features": {
        "speed": {},
        "rate": {},
        "energy": {"expression": "rate * speed / 1000"},
    },
    "target": {"d50": {"kind": "number"}},
}
RAIN = {
    "model_id": "rain",
    "task": "binary",
    "features": {"wind": {}, "town": {"kind": "category"}},
    "target": {"rain": {"kind": "category"}},
    "segments": ["region"],
}
GRANULE = {
    "model_id": "granule",
    "task": "multi-field",
    "features": {"speed": {}},
    "target": {"d50": {"kind": "number"}, "grade": {"kind": "category"}},
}


class Bench(CoreOutput):
    """Feeds records to a core and keeps what came of them."""

    def feed(self, records: Sequence[FakeRecord]) -> Effects:
        return self.take(records)

    def restarted(self, *, keep: bool = False, specs: Sequence[dict[str, Any]] | None = None) -> "Bench":
        """A new process that has only the state entries; `keep` carries over what came out so far."""
        core = new_core(self.core.rules) if specs is None else new_core(self.core.rules, specs)
        core.restore(0, list(self.state.items()))
        if keep:
            return Bench(core, self.frames, self.dead, self.ignored, self.state)
        return Bench(core, state=dict(self.state))


def new_core(rules: IngestRules | None = None, specs: Sequence[dict[str, Any]] = (PLANT, RAIN, GRANULE)) -> Ingest:
    core = Ingest(rules)
    core.take_table(MODEL_SPECS, [spec_record(spec) for spec in specs])
    return core


def plant_row(number: int, **fields: Any) -> dict[str, Any]:
    row = {
        "prediction_id": f"p{number}",
        "model_id": "plant",
        "model_version": "1.0.0",
        "predicted_at": at(number),
        "features": {"speed": 10.0 + number, "rate": 200},
        "prediction": 1.5,
    }
    return {name: value for name, value in (row | fields).items() if value is not ...}


class Maker:
    """Makes records of the two input topics with offsets that count up."""

    def __init__(self) -> None:
        self.offset = 0

    def outcome(self, row: dict[str, Any], **how: Any) -> FakeRecord:
        return self.raw(json.dumps(row).encode(), row.get("prediction_id", "x"), **how)

    def raw(
        self, value: bytes | None, key: str | None = "x", kind: str | None = None, topic: str = PREDICTION_OUTCOMES
    ):
        self.offset += 1
        headers = () if kind is None else (("content-type", kind.encode()),)
        stamp = int((START + timedelta(hours=1)).timestamp() * 1000)
        return FakeRecord(topic, key=key, value=value, headers=headers, at_offset=self.offset, at_ms=stamp)

    def columns(self, numbers: Sequence[int], **fields: Any) -> FakeRecord:
        """One columnar JSON record of plant rows."""
        rows = [plant_row(number, **fields) for number in numbers]
        whole: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0] if name != "features"}
        whole |= {
            "model_id": "plant",
            "features": {name: [r["features"][name] for r in rows] for name in ("speed", "rate")},
        }
        value = json.dumps(whole).encode()
        return self.raw(value, rows[0]["prediction_id"], kind="application/vnd.driftloop.columns+json")

    def label(self, number: int, label: Any, seconds: float, **fields: Any) -> FakeRecord:
        row = {"prediction_id": f"p{number}", "model_id": "plant", "label": label, "labelled_at": at(seconds)} | fields
        return self.raw(json.dumps(row).encode(), row["prediction_id"], topic=PREDICTION_LABELS)


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def bench() -> Bench:
    return Bench(new_core())


@pytest.fixture
def bench_with() -> Callable[..., Bench]:
    return lambda **rules: Bench(new_core(IngestRules(**rules)))


@pytest.fixture
def bench_of() -> Callable[..., Bench]:
    """A core with one model, of whose spec some fields are given."""
    return lambda **fields: Bench(new_core(specs=[PLANT | fields]))


@pytest.fixture(scope="session")
def row() -> Callable[..., dict[str, Any]]:
    return plant_row


@pytest.fixture(scope="session")
def moment() -> Callable[[float], str]:
    return at


@pytest.fixture
def spec() -> Callable[..., FakeRecord]:
    return spec_record


@pytest.fixture(scope="session")
def fresh_bench() -> Callable[..., tuple[Bench, Maker]]:
    """For property tests: a core without memory for every example."""
    return lambda **rules: (Bench(new_core(IngestRules(**rules), [PLANT])), Maker())
