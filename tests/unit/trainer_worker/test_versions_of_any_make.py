"""Versions that others made: each make is taken in, scored, held against the golden set and served by one path."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from prometheus_client import CollectorRegistry
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from driftloop.artifacts.store import open_artifact
from driftloop.contracts.model_events import ModelEvent
from driftloop.learners.protocol import Predictions, Rows
from driftloop.learners.served_model import ServedAt
from driftloop.learners.skops_file import read_skops
from driftloop.serving.version import Champion
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField, TrainingRule
from trainer_worker.adapters.model_shelf import LoadedModels
from trainer_worker.adapters.registering import Brought, Check, Registered, take_in
from trainer_worker.core.score.frame_rows import JudgedRows
from trainer_worker.core.score.losses import paired_losses
from trainer_worker.core.score.versions import Scored
from trainer_worker.metrics import ScoreMetrics

from .model_server import ModelServer

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SPEC = ModelSpec(
    model_id="gate",
    task="binary",
    features={"a": Feature(), "b": Feature(), "c": Feature()},
    target={"y": TargetField()},
)
MAKES = ("onnx", "skops", "open-inference", "mlflow")


def matrix(rows: int, seed: int, holes: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3))
    values[rng.random((rows, 3)) < holes] = np.nan
    return values


def rows_of(values: np.ndarray, labels: Any = None) -> Rows:
    features = {name: values[:, place].copy() for place, name in enumerate("abc")}
    return Rows(features, {} if labels is None else {"y": np.asarray(labels, dtype=object)})


def truth(values: np.ndarray) -> np.ndarray:
    return np.where(np.nan_to_num(values[:, 0]) > 0, "yes", "no").astype(object)


def skops_bytes(one: Any) -> bytes:
    import skops.io  # it looks through all of scikit-learn, and reads in torch where there is one

    return skops.io.dumps(one)


@dataclass
class World:
    """Two models fitted on the same rows, a server with one, and rows to judge on."""

    pipeline: Any
    forest: Any
    server: ModelServer
    rows: Rows
    values: np.ndarray

    def brought(self, make: str, spec: ModelSpec = SPEC) -> Brought:
        one = Brought("gate", "2.0.0", spec, 1, "onnx", inputs=("a", "b", "c"), outputs={"y": "label"})
        if make == "skops":
            return replace(one, make="skops", contents=skops_bytes(self.forest))
        if make in ("open-inference", "mlflow"):
            protocol = "mlflow" if make == "mlflow" else "v2"
            at = ServedAt(
                url=self.server.url, protocol=protocol, model="m", inputs=("a", "b", "c"), deadline_seconds=2.0,
                version=None if make == "mlflow" else "7", batch_rows=100,
            )  # fmt: skip
            return replace(one, make="open-inference", at=at)
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        made = to_onnx(
            self.pipeline, initial_types=[("input", FloatTensorType([None, 3]))],
            options={id(self.pipeline): {"zipmap": False}},
        )  # fmt: skip
        said = Predictions({"y": self.pipeline.predict(self.values[:50]).astype(object)})
        return replace(one, contents=made.SerializeToString(), check=Check(rows_of(self.values[:50]), said))

    def take_in(self, make: str, root: Path, spec: ModelSpec = SPEC, champion: Any = None) -> Registered:
        return take_in(
            self.brought(make, spec), self.rows, None, champion, str(root), requested_by="ada", now=NOW
        )  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    values = matrix(400, 1)
    pipeline = make_pipeline(SimpleImputer(), LogisticRegression()).fit(values, truth(values).astype(str))
    forest = RandomForestClassifier(10, random_state=0).fit(values, truth(values).astype(str))
    newest = matrix(300, 2)

    def predict(rows: list[list[Any]]) -> list[Any]:
        return pipeline.predict(np.array(rows, dtype=np.float64)).tolist()

    server = ModelServer(predict)
    yield World(pipeline, forest, server, rows_of(newest, truth(newest)), newest)
    server.close()


@pytest.fixture(autouse=True)
def _as_it_was(world: World) -> Iterator[None]:
    before = dict(vars(world.server))
    yield
    vars(world.server).update(before)


@pytest.mark.parametrize("make", MAKES)
def test_each_make_is_judged_profiled_and_asks_to_be_registered(world: World, make: str, tmp_path: Path) -> None:
    done = world.take_in(make, tmp_path)
    assert done.metrics["loss"] < 0.1
    assert done.profile.loss.rows == 300
    assert (done.command.command, done.command.version) == ("register", "2.0.0")
    assert done.command.artifact_sha256 == done.artifact.sha256
    assert done.artifact.manifest.learner == ("open-inference" if make == "mlflow" else make)


def test_a_server_is_asked_once_about_each_row(world: World, tmp_path: Path) -> None:
    before = world.server.rows
    world.take_in("open-inference", tmp_path)
    assert world.server.rows - before == 300 + 20, "the rows that it is judged on, and the probe rows"


@pytest.mark.parametrize("make", MAKES)
def test_each_make_is_scored_and_serves(world: World, make: str, tmp_path: Path) -> None:
    done = world.take_in(make, tmp_path)
    shelf = LoadedModels(4, ScoreMetrics(CollectorRegistry()))
    judged = judged_rows(world)
    scored = Scored(version="2.0.0", artifact=done.artifact.uri, sha256=done.artifact.sha256)
    paired = paired_losses(shelf, SPEC, [scored], judged)
    assert not paired.refused
    assert np.mean(paired.losses["2.0.0"]) == pytest.approx(done.metrics["loss"], abs=1e-6)
    artifact, model = open_artifact(done.artifact.uri, done.artifact.sha256)
    event = ModelEvent(
        message_id=done.command.message_id, model_id="gate", occurred_at=NOW, event="promoted", version="2.0.0",
        artifact=artifact.uri, artifact_sha256=artifact.sha256, reason="",
    )  # fmt: skip
    champion = Champion("gate", "2.0.0", SPEC, model, event)
    said = champion.predict(dict(world.rows.features)).fields["y"]
    assert np.mean(said != world.rows.labels["y"]) == pytest.approx(done.metrics["loss"], abs=1e-6)


@pytest.mark.parametrize("make", MAKES)
def test_each_make_is_held_against_the_golden_set(world: World, make: str, tmp_path: Path) -> None:
    golden = matrix(60, 3, holes=0.0)
    labels = truth(golden)
    table = pa.table({**{name: golden[:, place] for place, name in enumerate("abc")}, "y": labels.astype(str)})
    pa_csv.write_csv(table, tmp_path / "golden.csv")
    spec = SPEC.model_copy(update={"training": TrainingRule(golden_set=str(tmp_path / "golden.csv"))})
    _, perfect = open_artifact(world.take_in("skops", tmp_path / "champion").artifact.uri)
    assert world.take_in(make, tmp_path, spec, perfect).metrics["golden_loss"] < 0.15

    class NeverWrong:
        def predict(self, rows: Rows) -> Predictions:
            values = np.column_stack([rows.features[name] for name in "abc"])
            return Predictions({"y": truth(values)})

        def save(self, folder: Path) -> None:
            raise AssertionError(folder)

    if world.take_in(make, tmp_path, spec, perfect).metrics["golden_loss"] > 0:
        with pytest.raises(ValueError, match="worse on the golden set"):
            world.take_in(make, tmp_path / "second", spec, NeverWrong())


def judged_rows(world: World) -> JudgedRows:
    count = len(world.rows)
    said_by = np.full(count, "1.0.0", dtype=object)
    return JudgedRows(
        rows=world.rows, said={"y": np.full(count, "no", dtype=object)}, said_by=said_by, segments={}, shadows={}
    )  # fmt: skip


def scored_reason(world: World, done: Registered) -> str:
    """Why a version is not scored; the champion beside it is."""
    shelf = LoadedModels(4, ScoreMetrics(CollectorRegistry()))
    scored = Scored(version="2.0.0", artifact=done.artifact.uri, sha256=done.artifact.sha256)
    champion = Scored(version="1.0.0", artifact="")
    paired = paired_losses(shelf, SPEC, [champion, scored], judged_rows(world))
    assert len(paired.losses["1.0.0"]) == 300, "the others are scored all the same"
    assert not paired.refused["2.0.0"].unusable, "it may answer again"
    return paired.refused["2.0.0"].reason


def hang(server: ModelServer) -> None:
    server.hang_seconds = 3.0


def fail(server: ModelServer) -> None:
    server.broken = b'{"error": "out of memory"}'


def say_another_version(server: ModelServer) -> None:
    server.version = "8"


def be_another_model(server: ModelServer) -> None:
    server.predict = lambda rows: ["yes"] * len(rows)


def answer_half(server: ModelServer) -> None:
    server.predict = lambda rows: ["yes"] * (len(rows) // 2)


def speak_something_else(server: ModelServer) -> None:
    server.raw = b"220 mail.example ESMTP\r\n"


def cut_the_answer(server: ModelServer) -> None:
    server.raw = b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"outputs": '


def cut_the_refusal(server: ModelServer) -> None:
    server.raw = b'HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"err'


def send_headers_without_end(server: ModelServer) -> None:
    server.raw = b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200


SERVER_FAULTS: tuple[tuple[str, Callable[[ModelServer], None], str], ...] = (
    ("open-inference", hang, "did not answer within 2 s"),
    ("open-inference", fail, "answers 500: out of memory"),
    ("open-inference", say_another_version, "answered with version 8, not 7"),
    ("open-inference", be_another_model, "another version answers there"),
    ("open-inference", answer_half, "where one value a row is expected"),
    ("open-inference", speak_something_else, "cannot be read: 220 mail.example ESMTP"),
    ("open-inference", cut_the_answer, "cannot be read: "),
    ("open-inference", cut_the_refusal, "answers 500: Oh"),
    ("open-inference", send_headers_without_end, "cannot be read: got more than 100 headers"),
    ("mlflow", be_another_model, "another version answers there"),
    ("mlflow", answer_half, "answers 10 values for 20 rows"),
)


@pytest.mark.parametrize(
    ("make", "fault", "told"), SERVER_FAULTS, ids=[f"{m}-{f.__name__}" for m, f, _ in SERVER_FAULTS]
)
def test_a_server_that_fails_is_told_and_holds_nothing_up(
    world: World, make: str, fault: Callable[[ModelServer], None], told: str, tmp_path: Path
) -> None:
    brought = world.brought(make)
    assert brought.at is not None
    done = take_in(brought, world.rows, None, None, str(tmp_path), requested_by="ada", now=NOW)
    fault(world.server)
    assert told in scored_reason(world, done)


def test_a_server_that_hangs_is_waited_for_once(world: World, tmp_path: Path) -> None:
    brought = world.brought("open-inference")
    assert brought.at is not None
    quick = replace(brought, at=brought.at.model_copy(update={"deadline_seconds": 0.3}))
    done = take_in(quick, world.rows, None, None, str(tmp_path), requested_by="ada", now=NOW)
    _, model = open_artifact(done.artifact.uri, done.artifact.sha256)
    world.server.hang_seconds = 1.0
    before = world.server.requests
    for _ in range(3):
        with pytest.raises(Exception, match=r"did not answer within 0\.3 s"):
            model.predict(world.rows)
    assert world.server.requests - before <= 1, "the calls after it fail at once"


def forged(world: World, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> bytes:
    """The forest's file with something changed in it."""
    with zipfile.ZipFile(io.BytesIO(skops_bytes(world.forest))) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    schema = json.loads(files["schema.json"])
    change(schema, files)
    files["schema.json"] = json.dumps(schema).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return made.getvalue()


def node_array(files: dict[str, bytes], change: Callable[[np.ndarray], None]) -> None:
    for name, data in files.items():
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(data), allow_pickle=False)
            if array.dtype.names and "left_child" in array.dtype.names:
                change(array)
                out = io.BytesIO()
                np.save(out, array)
                files[name] = out.getvalue()
                return
    raise AssertionError("no tree in the file")


def point_outside(_schema: dict[str, Any], files: dict[str, bytes]) -> None:
    node_array(files, lambda nodes: nodes["left_child"].__setitem__(0, 1_000_000))


def run_in_circles(_schema: dict[str, Any], files: dict[str, bytes]) -> None:
    node_array(files, lambda nodes: nodes["right_child"].__setitem__(0, 0))


def read_another_feature(_schema: dict[str, Any], files: dict[str, bytes]) -> None:
    node_array(files, lambda nodes: nodes["feature"].__setitem__(0, 3_000))


def call_a_function(schema: dict[str, Any], _files: dict[str, bytes]) -> None:
    schema["content"] = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": {}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (point_outside, "points outside"),
        (run_in_circles, "points outside"),
        (read_another_feature, "points outside"),
        (call_a_function, r"holds a os\.system \(FunctionNode\)"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_skops_file_that_would_do_harm_is_not_loaded(world: World, change: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_skops(forged(world, change))


def test_what_is_not_on_the_list_is_named_whatever_skops_trusts() -> None:
    contents = skops_bytes(make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()))
    with pytest.raises(ValueError, match="which is not loaded here: convert the model to ONNX"):
        read_skops(contents)


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04", b"\x80\x04K\x01."], ids=["empty", "half", "pickle"])
def test_a_file_that_is_no_skops_file_is_refused(contents: bytes) -> None:
    with pytest.raises(ValueError, match="is no skops file"):
        read_skops(contents)


def test_a_skops_file_without_a_model_is_refused(world: World, tmp_path: Path) -> None:
    brought = replace(world.brought("skops"), contents=skops_bytes([1, 2]))
    with pytest.raises(ValueError, match="takes None columns"):
        take_in(brought, world.rows, None, None, str(tmp_path), requested_by="ada", now=NOW)


def test_onnx_without_check_rows_or_with_a_wrong_converter_is_refused(world: World, tmp_path: Path) -> None:
    brought = world.brought("onnx")
    assert brought.check is not None
    wrong = Check(brought.check.rows, Predictions({"y": np.full(50, "no", dtype=object)}))
    for changed, told in (
        (replace(brought, check=None), "check rows"),
        (replace(brought, check=wrong), "converted model"),
    ):
        with pytest.raises(ValueError, match=told):
            take_in(changed, world.rows, None, None, str(tmp_path), requested_by="ada", now=NOW)


def test_too_few_rows_to_judge_on_are_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="5 labelled rows are there"):
        take_in(
            world.brought("skops"), world.rows.take(slice(0, 5)), None, None, str(tmp_path),
            requested_by="ada", now=NOW,
        )  # fmt: skip
