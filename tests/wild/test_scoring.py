"""Scoring answers for every frame, whatever stands in it and whatever the spec has become."""

import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wild.ingest_bench import CHURN, at, bench, json_rows, row

from drift_detection.core.rows import FrameRows
from driftloop.codec.frames import ROW_COLUMNS, Frame, encode_frame
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.topics import MODEL_EVENTS, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.learners.probe import Probe
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.score.frame_rows import judged_rows, labelled_rows
from trainer_worker.core.score.processor import ChallengeScoring

DBL_MAX = float(np.finfo(np.float64).max)
TARGETS = {
    "y is a class": ("binary", {"y": {"kind": "category"}}),
    "renamed": ("binary", {"churn": {"kind": "category"}}),
    "y is a number": ("regression", {"y": {"kind": "number"}}),
    "y is one of many": ("multiclass", {"y": {"kind": "category"}}),
}


def spec_of(target: str, features=("x",), attainable: bool = True) -> ModelSpec:
    task, fields = TARGETS[target]
    policy = {"preset": "default", "triggers": {"attainable": attainable}}
    described = {name: {"kind": "category"} if name.startswith("c") else {} for name in features}
    return ModelSpec.model_validate(
        {"model_id": "m", "task": task, "features": described, "target": fields, "policy": policy}
    )


def spec_row(version: int, spec: ModelSpec) -> FakeRecord:
    published = ModelSpecPublished(
        message_id=derive_id("spec", version), model_id="m", occurred_at=START, spec_version=version, spec=spec
    )
    return FakeRecord(MODEL_SPECS, key="m", value=published.to_json())


def labels_of(spec: ModelSpec, x: np.ndarray) -> dict[str, np.ndarray]:
    kinds = {name: field.kind for name, field in spec.target.items()}
    return {n: x / 2.0 if kind == "number" else np.where(x > 0, "1", "0").astype(object) for n, kind in kinds.items()}


class Shelf:
    """Versions that a tree was grown for, by the target in the artifact's name."""

    def __init__(self) -> None:
        x = np.random.default_rng(0).normal(size=60)
        self.models = {}
        for target in TARGETS:
            spec = spec_of(target)
            self.models[target] = Probe(spec).fit(Rows({"x": x}, labels_of(spec, x)), seed=0)

    def predict(self, artifact, sha256, rows):
        return self.models[artifact.rsplit("/", 1)[1]].predict(rows)

    def check(self, artifact, sha256) -> None: ...


class Log(list):
    def between(self, model_id, partition, first, last):
        return [record for record in self if first <= record.offset() <= last]


class NoRows:
    def rows(self, artifact, sha256, spec):
        return None


SHELF = Shelf()


def frame(offset: int, version: int, spec: ModelSpec, x, said=None, label=None, by="1.0.0") -> FakeRecord:
    """Rows of a spec: of a number, and of what is predicted, anything may be set."""
    x = np.asarray(x, dtype=np.float64)
    columns = {name: pa.nulls(len(x), kind) for name, kind in ROW_COLUMNS.items()}
    columns["event"] = pa.array(["outcome"] * len(x))
    columns["prediction_id"] = pa.array([f"{offset}-{row}" for row in range(len(x))])
    columns["model_version"] = pa.array([by] * len(x))
    for name, feature in spec.features.items():
        columns[f"feature.{name}"] = pa.array(x if feature.kind == "number" else x.astype(str))
    for name, values in labels_of(spec, x).items():
        given = values if label is None or values.dtype == object else np.asarray(label, dtype=np.float64)
        columns[f"label.{name}"] = pa.array(given)
        columns[f"prediction.{name}"] = pa.array(values if said is None or values.dtype == object else said)
    at = START + timedelta(minutes=offset)
    header = FrameHeader(model_id="m", spec_version=version, rows=len(x), first_at=at, last_at=at)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    value, headers = encode_frame(Frame(header, batch))
    return FakeRecord(OUTCOME_FRAMES, key="m", value=value, headers=headers, at_offset=offset)


def event(kind: str, version: str, target: str, after: int | None = None) -> FakeRecord:
    message = ModelEvent(
        message_id=derive_id("event", kind, version, target), model_id="m", occurred_at=START, event=kind,
        version=version, reason="test", artifact=f"memory://m/{target}", artifact_sha256="0" * 64,
        from_position=None if after is None else FramePosition(partition=0, offset=after),
    )  # fmt: skip
    return FakeRecord(MODEL_EVENTS, key="m", value=message.to_json())


def scoring(log: Log, *specs: ModelSpec) -> ChallengeScoring:
    core = ChallengeScoring(SHELF, log, NoRows())
    core.take_table(MODEL_SPECS, [spec_row(at + 1, spec) for at, spec in enumerate(specs)])
    core.restore(0, ())
    return core


def answers(effects) -> list[ChallengeScores]:
    return [ChallengeScores.from_json(out.value) for out in effects.outgoing]


def run(core: ChallengeScoring, records) -> list[ChallengeScores]:
    return [answer for record in records for answer in answers(core.process([record], START, tables_current=True))]


def compared(target: str = "y is a class", other: str | None = None):
    return [event("promoted", "1.0.0", target), event("challenged", "1.0.1", other or target, after=0)]


@pytest.mark.wild(
    area="scoring",
    given="the target is renamed in the spec, the champion was learnt under the old name",
    right="every frame is answered: the old version is refused with the reason, the new one scored, none is buried",
)
def test_a_version_learnt_for_another_target_is_told_apart_and_never_buries_a_frame():
    spec = spec_of("renamed")
    core = scoring(Log(), spec_of("y is a class"), spec)
    frames = [frame(offset, 2, spec, [1.0, -1.0], by="0.9.0") for offset in range(1, 5)]
    found = run(core, [*compared("y is a class", "renamed"), *frames])
    assert [answer.position.offset for answer in found] == [1, 2, 3, 4]
    assert found[0].losses == {"1.0.1": (0.0, 0.0)}
    assert found[0].refused["1.0.0"].reason == (
        "it was learnt for another target: it predicts 'y', the spec asks for 'churn'"
    )


@pytest.mark.wild(
    area="scoring",
    given="one feature of one row is DBL_MAX, or −1e39",
    right="it counts as missing: the frame is scored, and the other rows' losses are as without it",
)
@pytest.mark.parametrize("value", [DBL_MAX, -DBL_MAX, -1e39, 5e-324])
def test_one_absurd_value_leaves_the_other_rows_as_they_were(value):
    spec = spec_of("y is a class")
    x = np.linspace(-2, 2, 40) + 0.01
    wild = x.copy()
    wild[7] = value
    plain, odd = (run(scoring(Log(), spec), [*compared(), frame(1, 1, spec, one)]) for one in (x, wild))
    for version in ("1.0.0", "1.0.1"):
        one, other = (np.delete(np.array(found[0].losses[version]), 7) for found in (plain, odd))
        assert one.tolist() == other.tolist()


@pytest.mark.wild(
    area="scoring",
    given="a label of a regression is DBL_MAX, or what was predicted is −DBL_MAX",
    right="losses stay finite numbers, so that the answer can be read",
)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), st.data())
@settings(max_examples=30, deadline=None)
def test_any_finite_numbers_can_be_scored(values, data):
    spec = spec_of("y is a number", attainable=data.draw(st.booleans()))
    label = data.draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
    said = data.draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
    (found,) = run(scoring(Log(), spec), [*compared("y is a number"), frame(1, 1, spec, values, said, label)])
    assert found.refused == {}
    assert len(found.losses["1.0.0"]) == len(found.losses["1.0.1"]) == 3
    assert np.isfinite([*found.losses["1.0.0"], *found.losses["1.0.1"]]).all()


STEPS = st.tuples(st.sampled_from(sorted(TARGETS)), st.sampled_from([("x",), ("x", "new"), ("new",), ("cat", "x")]))


@given(st.lists(STEPS, min_size=1, max_size=6), st.sampled_from(sorted(TARGETS)), st.booleans(), st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_specs_follow_one_another_each_frame_is_answered_for_every_version(steps, target, attainable, data):
    specs = [spec_of(name, features, attainable) for name, features in steps]
    log, core = Log(), scoring(Log(), *specs)
    core._log = log
    other = data.draw(st.sampled_from(sorted(TARGETS)))
    run(core, compared(target, other))
    found = []
    for offset in range(1, 9):
        version = data.draw(st.integers(1, len(specs)))
        record = frame(offset, version, specs[version - 1], np.linspace(-1, 1, data.draw(st.integers(1, 60))))
        if data.draw(st.integers(0, 5)) == 0:
            record = FakeRecord(OUTCOME_FRAMES, key="m", value=b"rubbish", at_offset=offset)
        log.append(record)
        found += run(core, [record])
    assert [answer.position.offset for answer in found] == list(range(1, 9))
    for answer in found:
        assert set(answer.losses) | set(answer.refused) == {"1.0.0", "1.0.1"}
        assert json.loads(answer.to_json())


@pytest.mark.wild(
    area="scoring",
    given="the spec makes a category of a feature that an older version learnt as a number",
    right="the older version takes it for missing and is scored",
)
def test_a_feature_of_another_kind_counts_as_missing():
    spec = spec_of("y is a class", ("cat", "x"))
    rows = Rows({"x": np.array(["a", None], dtype=object)})
    assert len(SHELF.predict("memory://m/y is a class", None, rows).fields["y"]) == 2
    (found,) = run(scoring(Log(), spec), [*compared(), frame(1, 1, spec, [1.0, 2.0])])
    assert found.refused == {}


@pytest.mark.wild(
    area="scoring",
    given="a row whose label a model gave (`label_source: pseudo`) beside one that a person labelled",
    right="it is learnt from; it is a loss in no drift signal and in no proof",
)
def test_a_pseudo_label_is_no_evidence() -> None:
    out = bench().feed(
        json_rows(
            [
                row(n, prediction="yes", label="yes", labelled_at=at(9), label_source=source)
                for n, source in enumerate(("pseudo", "user", "system"))
            ]
        )
    )
    (frame,) = out.frames
    spec = ModelSpec.model_validate(CHURN)
    assert len(judged_rows(frame, spec)) == 2
    assert labelled_rows(frame, spec).judged.tolist() == [False, True, True]
    assert FrameRows(frame, spec).judged.tolist() == [1, 2]
    assert FrameRows(frame, spec).labelled.all()
