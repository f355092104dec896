"""The mirror: MLflow says what the log says, whatever dies, is away, is lost, or is moved by somebody else."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage, FramePosition, derive_id
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingResult
from driftloop.errors import AwayError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.processor import Effects
from driftloop.rest import Server
from driftloop.testing.records import FakeRecord
from operations_console.adapters.mlflow.client import MlflowClient
from operations_console.adapters.mlflow.registry import MlflowRegistry, Naming
from operations_console.app import MIRROR
from operations_console.core.mirror.processor import Mirror
from operations_console.metrics import MirrorMetrics, MovedAliases
from operations_console.settings import Settings

from .conftest import START, envelope, event
from .mlflow_server import Mlflow, serving

RUN = derive_id("run", "plant", "1.0.1")
DECISION = derive_id("decision", "plant", 9)


def request(version: str = "1.0.1") -> TrainingRequest:
    rule = DataRule(until=FramePosition(partition=0, offset=5), rows=900)
    message = {**envelope("plant", "request", 2), "message_id": RUN}
    return TrainingRequest(
        **message, version=version, spec_version=1, learner="linear", learner_parameters={"C": 0.5, "l1": None},
        data=rule, reason="drift",
    )  # fmt: skip


def result(status: Any = "succeeded", version: str = "1.0.1") -> TrainingResult:
    return TrainingResult(
        **envelope("plant", "result", 3), run_id=RUN, status=status, version=version,
        metrics={"loss": 0.25, "loss@0.9": 0.5}, cost=TrainingCost(seconds=2, cpu_seconds=3),
    )  # fmt: skip


LOG: list[tuple[str, ControlMessage]] = [
    (topics.MODEL_EVENTS, event("plant", 0, "registered", "1.0.0")),
    (topics.MODEL_EVENTS, event("plant", 1, "promoted", "1.0.0")),
    (topics.TRAINING_REQUESTS, request()),
    (topics.TRAINING_RESULTS, result()),
    (topics.MODEL_EVENTS, event("plant", 4, "registered", "1.0.1", run_id=RUN)),
    (topics.MODEL_EVENTS, event("plant", 5, "challenged", "1.0.1", previous_version="1.0.0", run_id=RUN)),
    (topics.MODEL_EVENTS, event("plant", 6, "promoted", "1.0.1", previous_version="1.0.0", run_id=RUN).model_copy(
        update={"caused_by": (DECISION,)})),
    (topics.MODEL_EVENTS, event("plant", 7, "rolled_back", "1.0.0", previous_version="1.0.1")),
]  # fmt: skip


@dataclass(slots=True)
class Process:
    """A mirror over a log and a changelog that survive it."""

    url: str
    state: dict[str, bytes] = field(default_factory=dict)
    at: int = 0
    now: Any = START
    core: Mirror = field(init=False)
    metrics: CollectorRegistry = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Killed, and started anew from what was committed."""
        self.metrics = CollectorRegistry()
        client = MlflowClient(Server(self.url, timeout_s=60))
        registry = MlflowRegistry(
            client, Naming(console="https://console"), MirrorMetrics(self.metrics),
            retry_seconds=0.0, pause=lambda _: None,
        )  # fmt: skip
        self.core = Mirror(registry)
        self.metrics.register(MovedAliases(self.core.moved, lambda: self.core.refilled))
        self.core.restore(0, self.state.items())

    def read(self, log: list[tuple[str, ControlMessage]], count: int, *, commits: bool = True) -> Effects:
        """Take the next records in, and commit unless it is killed before that."""
        records = [
            FakeRecord(topic, key=said.model_id, value=said.to_json()) for topic, said in log[self.at : self.at + count]
        ]
        effects = self.core.process(records, self.now)
        if commits:
            self.at += len(records)
            for change in effects.state_changes:
                self.state.pop(change.key, None) if change.value is None else self.state.update(
                    {change.key: change.value}
                )
        return effects

    def look(self) -> None:
        self.now += timedelta(seconds=61)
        self.core.wake(self.now)

    def figure(self, name: str, **labels: str) -> float | None:
        return self.metrics.get_sample_value(name, labels)


@pytest.fixture
def mlflow() -> Mlflow:
    return Mlflow()


@pytest.fixture
def process(mlflow: Mlflow) -> Iterator[Process]:
    with serving(mlflow) as url:
        yield Process(url)


def said(mlflow: Mlflow) -> dict[str, Any]:
    """What a person sees of the model there: aliases by driftloop's names, tags without those of time."""
    model = mlflow.models["plant"]
    names = {number: one["tags"]["driftloop.version"] for number, one in model["versions"].items()}
    runs = {run["tags"].get("driftloop.run_id"): (run["metrics"], run["params"], run["status"])
            for run in mlflow.runs.values()}  # fmt: skip
    return {
        "versions": {one["tags"]["driftloop.version"]: one["tags"] for one in model["versions"].values()},
        "made": len(model["versions"]),
        "aliases": {alias: names[number] for alias, number in model["aliases"].items()},
        "runs": runs,
        "artifacts": sorted(mlflow.artifacts.values()),
    }


def test_versions_come_with_figures_tags_and_a_link_to_the_decision(process: Process, mlflow: Mlflow):
    process.read(LOG, 7)
    found = said(mlflow)
    tags = found["versions"]["1.0.1"]
    assert (tags["driftloop.decision"], tags["driftloop.run_id"]) == (str(DECISION), str(RUN))
    assert tags["driftloop.link"] == "https://console/models/plant"
    events = [value.split(" ")[1].rstrip(":") for key, value in tags.items() if key.startswith("driftloop.event.")]
    assert events == ["registered", "challenged", "promoted"]
    metrics, parameters, status = found["runs"][str(RUN)]
    assert metrics == {"loss": 0.25, "loss_0.9": 0.5, "cost_seconds": 2, "cost_cpu_seconds": 3}
    assert (parameters["learner"], parameters["C"], parameters["rows"]) == ("linear", "0.5", "900")
    assert (status, "l1" in parameters) == ("FINISHED", False)
    assert mlflow.models["plant"]["versions"]["2"]["run_id"].startswith("run")
    assert found["aliases"] == {"champion": "1.0.1"}


def test_many_parameters_and_names_that_are_no_paths_are_logged(process: Process, mlflow: Mlflow):
    many = {f"weight_{n}": n for n in range(250)} | {"/data//rows": "a", "../up": "b", ".": "c"}
    asked = request().model_copy(update={"learner_parameters": many})
    log = [(topic, asked if topic == topics.TRAINING_REQUESTS else said) for topic, said in LOG]
    process.read(log, len(log))
    (run,) = [run for run in mlflow.runs.values() if run["params"]]
    assert {f"weight_{n}" for n in range(250)} <= run["params"].keys()
    assert {run["params"][name] for name in ("_data__rows", "__up", "_")} == {"a", "b", "c"}
    assert run["metrics"]
    assert "driftloop.filled" in run["tags"]


def test_the_challenger_has_its_alias_while_it_is_under_proof(process: Process, mlflow: Mlflow):
    process.read(LOG, 6)
    assert said(mlflow)["aliases"] == {"champion": "1.0.0", "challenger": "1.0.1"}
    process.read(LOG, 1)
    assert said(mlflow)["aliases"] == {"champion": "1.0.1"}


def test_the_history_of_deployments_is_an_artifact(process: Process, mlflow: Mlflow):
    process.read(LOG, len(LOG))
    (lines,) = mlflow.artifacts.values()
    told = [json.loads(line) for line in lines.splitlines()]
    assert [(one["event"], one["version"]) for one in told] == [
        ("promoted", "1.0.0"), ("promoted", "1.0.1"), ("rolled_back", "1.0.0"),
    ]  # fmt: skip


def test_a_run_that_fails_leaves_nothing(process: Process, mlflow: Mlflow):
    log = [LOG[2], (topics.TRAINING_RESULTS, result("failed"))]
    process.read(log, 1)
    assert list(process.state) == ["plant/version/1.0.1"]
    process.read(log, 1)
    assert (process.state, mlflow.models, mlflow.runs) == ({}, {}, {})


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_batches_kills_and_absences_change_nothing(seed: int):
    """Any batches, a kill before any commit, MLflow away in between: the same registry, nothing twice."""
    choose, mlflow, plain = random.Random(seed), Mlflow(), Mlflow()
    with serving(plain) as url:
        Process(url).read(LOG, len(LOG))
    with serving(mlflow) as url:
        process = Process(url)
        while process.at < len(LOG):
            mlflow.away = choose.random() < 0.2
            before = dict(process.state)
            try:
                process.read(LOG, choose.randint(1, 4), commits=choose.random() < 0.6)
            except AwayError:
                assert process.state == before, "what is away commits nothing"
                process.restart()
            if choose.random() < 0.4:
                process.restart()
            mlflow.away = False
    assert said(mlflow) == said(plain)
    assert not process.core.moved


def test_an_event_that_is_read_again_moves_no_alias_back(process: Process, mlflow: Mlflow):
    process.read(LOG, 7, commits=False)
    process.restart()
    mlflow.calls.clear()
    process.read(LOG, 2)
    assert said(mlflow)["aliases"] == {"champion": "1.0.1"}
    assert "POST registered-models/alias" not in mlflow.calls


def test_a_registry_that_is_away_is_waited_for_with_a_word(process: Process, mlflow: Mlflow):
    mlflow.away = True
    with pytest.raises(AwayError, match=r"MLflow is away.*Nothing is committed"):
        process.read(LOG, 2)
    assert process.figure("driftloop_mirror_away") == 1
    mlflow.away = False
    process.restart()
    process.read(LOG, 2)
    assert process.figure("driftloop_mirror_away") == 0


def test_no_record_is_blamed_for_a_registry_that_is_away(process: Process, mlflow: Mlflow):
    log = MemoryLog()
    for topic, said_ in LOG:
        log.append(topic, key="plant", value=said_.to_json())
    mlflow.away = True
    loop = MemoryLoop(process.core, MIRROR, log)
    with pytest.raises(AwayError, match="MLflow is away"):
        loop.settle()
    loop.kill()
    assert (log.records(topics.DEAD_LETTERS), any(log.offsets[MIRROR.group].values())) == ([], False)
    mlflow.away = False
    process.restart()
    loop = MemoryLoop(process.core, MIRROR, log)
    loop.start()
    while loop.step():
        pass
    assert log.records(topics.DEAD_LETTERS) == []
    assert said(mlflow)["aliases"] == {"champion": "1.0.0"}


def test_nobody_at_the_address_is_away_too():
    process = Process("http://127.0.0.1:9")
    with pytest.raises(AwayError, match="does not answer"):
        process.read(LOG, 1)


def test_a_lost_registry_is_filled_again(process: Process, mlflow: Mlflow):
    process.read(LOG, len(LOG))
    before = said(mlflow)
    mlflow.forget()
    process.look()
    assert said(mlflow) == before
    assert process.figure("driftloop_mirror_refilled_total") == 1
    process.look()
    assert process.figure("driftloop_mirror_refilled_total") == 1


def test_a_clock_that_was_put_back_holds_no_look_up(process: Process, mlflow: Mlflow):
    process.read(LOG, len(LOG))
    before = said(mlflow)
    mlflow.forget()
    process.now -= timedelta(hours=1)
    process.core.wake(process.now)
    assert said(mlflow) == before


def test_a_champion_that_somebody_deleted_comes_back_and_an_old_version_does_not(process: Process, mlflow: Mlflow):
    process.read(LOG, 7)
    model = mlflow.models["plant"]
    del model["versions"]["1"]
    process.look()
    assert said(mlflow)["made"] == 1
    del model["versions"]["2"]
    model["aliases"].clear()  # they go with their version
    process.look()
    assert said(mlflow)["aliases"] == {"champion": "1.0.1"}


@pytest.mark.parametrize("number", ["1", "3"], ids=["to-the-one-before", "to-a-stranger"])
def test_an_alias_that_somebody_moved_is_named_and_left_alone(process: Process, mlflow: Mlflow, number: str):
    process.read(LOG, 7)
    model = mlflow.models["plant"]
    assert mlflow.post_model_versions_create("plant", "s3://theirs")["model_version"]["version"] == "3"
    model["aliases"]["champion"] = number
    process.look()
    named = "1.0.0" if number == "1" else "version 3"
    assert process.core.moved == {("plant", "champion"): named}
    moved = {"model": "plant", "alias": "champion", "version": named}
    assert process.figure("driftloop_mirror_aliases_moved", **moved) == 1
    log = [*LOG[:7], (topics.MODEL_EVENTS, event("plant", 8, "registered", "1.0.2")),
           (topics.MODEL_EVENTS, event("plant", 9, "promoted", "1.0.2"))]  # fmt: skip
    process.read(log, 2)
    assert model["aliases"] == {"champion": number}, "a promotion does not overwrite it either"
    process.restart()
    process.look()
    assert process.core.moved == {("plant", "champion"): named}, "a restart does not forget it"
    del model["aliases"]["champion"]
    process.look()
    assert said_champion(mlflow) == "1.0.2"
    process.look()
    assert not process.core.moved


def said_champion(mlflow: Mlflow) -> str:
    model = mlflow.models["plant"]
    found: str = model["versions"][model["aliases"]["champion"]]["tags"]["driftloop.version"]
    return found


def test_an_alias_that_was_there_before_is_not_taken(process: Process, mlflow: Mlflow):
    mlflow.post_registered_models_create("plant")
    mlflow.post_model_versions_create("plant", "s3://theirs")
    mlflow.post_registered_models_alias("plant", "champion", "1")
    process.read(LOG, 2)
    assert mlflow.models["plant"]["aliases"] == {"champion": "1"}
    assert process.core.moved == {("plant", "champion"): "version 1"}


def test_what_is_refused_is_counted_and_holds_up_nothing(process: Process, mlflow: Mlflow):
    other = event("plant", 1, "registered", "1.0.0")
    process.core._registry._naming = Naming(prefix="a/")  # type: ignore[attr-defined]
    effects = process.read([(topics.MODEL_EVENTS, other)], 1)
    assert process.figure("driftloop_mirror_turns_total", end="refused") == 1
    assert effects.state_changes


def test_an_unreadable_record_is_buried(process: Process):
    effects = process.core.process([FakeRecord(topics.MODEL_EVENTS, value=b"{")], START)
    assert len(effects.dead_letters) == 1


def test_the_role_needs_an_address():
    with pytest.raises(ValidationError, match="mlflow_url"):
        Settings(role="mirror")
