"""A model served by somebody else, on the real broker: its log in KServe's form and its labels by Debezium become
outcomes, it drifts, a script that knows nothing of driftloop trains, the shadow proves, MLflow's alias moves, the owner
deploys, and the loop is closed; whoever is killed on the way."""

import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from tests.e2e.company import FIRST, LOG, MODEL, TABLE, Company, Mlflow
from tests.integration.operations_console.real_mlflow import ASKED, real_mlflow
from tests.quiescence import Quiescence
from tests.unit.operations_console import mlflow_server
from typer.testing import CliRunner

from driftloop.clock import system_now
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.registry.sources import publish_source
from driftloop.spec.model_source import ModelSource
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.cli.main import app
from driftloop.tools.local.home import Home
from driftloop.tools.local.loop import LocalLoop, local_loop
from driftloop.tools.local.programs import BESIDE_INPUTS, GROUP_INPUTS, SERVICES, Program, free_ports
from driftloop.tools.local.supervisor import Supervisor
from driftloop.tools.registry.declaring import publish_spec
from driftloop.tools.replay.journal import CONTRACTS, Journal

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(600)]

PAGE = (Path(__file__).parents[2] / "docs" / "beside.md").read_text()
SCRIPT = re.search(r'```python title="train.py"\n(.*?)```', PAGE, re.DOTALL).group(1)  # type: ignore[union-attr]
SPEC = ModelSpec.model_validate(
    {
        "model_id": MODEL,
        "task": "binary",
        "features": {"usage": {}, "tickets": {}},
        "target": {"churned": {}},
        "serving": "external",
        "clock": "event",
        "baseline_rows": 500,
        "sources": ["churn-log", "churn-labels"],
        "training": {"executor": "command", "entry": "churn", "maximum_rows": 600},
        "challenge": {"risk": 1e-4},
        "policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}},
    }
)
SOURCES = (
    ModelSource(name="churn-log", model_id=MODEL, topics=(LOG,), server="kserve", shadow_outputs="shadow."),
    ModelSource.model_validate(
        {
            "name": "churn-labels", "model_id": MODEL, "topics": (TABLE,), "gives": "labels", "envelope": "debezium",
            "paths": {"prediction_id": "after.prediction_id", "label": "after.churned"},
        }
    ),
)  # fmt: skip
BESIDE = {
    "translate-log": ("outcome_ingestion", "translate", {"SOURCE": "churn-log"}),
    "translate-labels": ("outcome_ingestion", "translate", {"SOURCE": "churn-labels"}),
    "pair": ("outcome_ingestion", "pair", {}),
    "mirror": ("operations_console", "mirror", {"MLFLOW_LOOK_SECONDS": "1"}),
}
GROUPS = {
    **GROUP_INPUTS,
    **BESIDE_INPUTS,
    "outcome_translate-churn-log": (LOG,),
    "outcome_translate-churn-labels": (TABLE,),
}
MOST_BLOCKS = 40
Kills = Mapping[str, tuple[str, ...]]
"""Moment → who is killed then: `5 served`, `5 labelled`, `training`."""


@dataclass
class Story:
    """What a play came to."""

    events: list[tuple[str, str | None]]
    decisions: list[tuple[str, str, str | None]]
    runs: list[tuple[str, str]]
    aliases: list[tuple[str, str | None]]
    """After each block in which they changed: which version is champion, which challenger."""
    outcomes: Counter[str]
    """How often outcomes and labels came, by prediction."""
    served: dict[str, int]
    journal: Journal
    run_log: str


@contextmanager
def processes(kafka: KafkaSettings, home: Path, mlflow: str) -> Iterator[Supervisor]:
    """The processes beside the loop: two translators, who pairs, and the mirror."""
    programs = []
    for (name, (service, role, settings)), port in zip(BESIDE.items(), free_ports(len(BESIDE)), strict=True):
        prefix = f"DRIFTLOOP_{service.upper()}_"
        more = {"MLFLOW_URL": mlflow} if role == "mirror" else {}
        own = {f"{prefix}{key}": value for key, value in {**settings, **more, "METRICS_PORT": str(port)}.items()}
        where = {
            "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "DRIFTLOOP_KAFKA_FETCH_WAIT_MS": str(kafka.fetch_wait_ms),
        }
        command = (sys.executable, "-m", service, "--role", role)
        programs.append(Program(name, command, {**os.environ, **where, **own}, port))
    with Supervisor(programs, home / "logs") as supervisor:
        supervisor.wait_ready(120.0)
        yield supervisor


@dataclass
class Stage:
    """All that runs, and who is to be killed when."""

    loop: LocalLoop
    beside: Supervisor
    kills: Kills
    killed: Counter[str] = field(default_factory=Counter)
    is_training: bool = False

    def check(self) -> None:
        """Raises where a process was given up. The moment in which the script is begun is one to die in, too."""
        self.loop.check()
        self.beside.check()
        if not self.is_training and any(self.loop.home.runs.glob("*/proof/request.json")):
            self.is_training = True
            self.reached("training")

    def reached(self, moment: str) -> None:
        """Kill with -9 whoever is to die now; one that died a moment ago is waited for."""
        for name in self.kills.get(moment, ()):
            while (pid := {**self.loop.supervisor.pids(), **self.beside.pids()}.get(name)) is None:
                self.beside.pause(0.02)
            os.kill(pid, signal.SIGKILL)
            self.killed[name] += 1


def at_rest(kafka: KafkaSettings, journal: Journal, check: Callable[[], None], tail: Tail) -> Callable[[], None]:
    """A call that returns when every group is at the end of its inputs and no run is outstanding."""

    def no_run() -> bool:
        journal.take(tail.read_to_end())
        return not journal.outstanding

    watch = Quiescence(kafka, GROUPS, and_also=no_run)
    return lambda: watch.wait(300.0, pause_s=0.02, alive=check)


def play(home: Path, mlflow: str, kills: Kills) -> Story:
    """Serve block after block until the loop is closed and another block has come."""
    with ExitStack() as stack:
        loop = stack.enter_context(
            local_loop(Home(home), environment={"DRIFTLOOP_KAFKA_FETCH_WAIT_MS": "20"}, keep_kafka=False)
        )
        kafka = loop.kafka
        create_topics(admin_client(kafka), [NewTopic(LOG, 1), NewTopic(TABLE, 1)])
        for source in SOURCES:
            publish_source(kafka, source, system_now())
        publish_spec(kafka, SPEC, system_now())
        company = Company(Producer({"bootstrap.servers": kafka.bootstrap_servers}))
        journal = Journal(MODEL)
        stage = Stage(loop, stack.enter_context(processes(kafka, home, mlflow)), kills)
        settle = at_rest(kafka, journal, stage.check, stack.enter_context(closing(Tail(kafka, list(CONTRACTS)))))
        aliases: list[tuple[str, str | None]] = []
        last = MOST_BLOCKS
        for block in range(MOST_BLOCKS):
            company.serve()
            stage.reached(f"{block} served")
            settle()
            company.label()
            stage.reached(f"{block} labelled")
            settle()
            follow(company, journal, Mlflow(mlflow), aliases)
            if company.served.get("1.0.0") and aliases[-1][0] == "1.0.0":
                last = min(last, block + 1)
            if block == last:
                break
        assert stage.killed == Counter(name for names in kills.values() for name in names)
        return story_of(kafka, home, journal, company, aliases)


def follow(company: Company, journal: Journal, mlflow: Mlflow, aliases: list[tuple[str, str | None]]) -> None:
    """What the owner does: runs MLflow's challenger in the shadow, and deploys what is asked for."""
    tags = mlflow.tags()
    names = tags["champion"]["driftloop.version"], tags.get("challenger", {}).get("driftloop.version")
    if not aliases or aliases[-1] != names:
        aliases.append(names)
    if names[1] is not None and names[1] not in (company.shadow, company.version):
        company.run_in_the_shadow(tags["challenger"])
    asked = [event.version for event in journal.events if event.event == "promotion_asked"]
    if asked and asked[-1] is not None and asked[-1] != company.version:
        company.deploy(asked[-1])


def story_of(
    kafka: KafkaSettings, home: Path, journal: Journal, company: Company, aliases: list[tuple[str, str | None]]
) -> Story:
    with Tail(kafka, [PREDICTION_OUTCOMES, PREDICTION_LABELS]) as tail:
        came = Counter(f"{record.topic} {record.key}" for record in tail.read_to_end())
    runs = json.loads(command_line("runs", "list", MODEL, "--json", "--home", home))
    return Story(
        events=[(one.event, one.version) for one in journal.events],
        decisions=[(one.action, one.trigger, one.candidate) for one in journal.decisions],
        runs=[(one["status"], one["version"]) for one in runs],
        aliases=aliases,
        outcomes=came,
        served=company.served,
        journal=journal,
        run_log=command_line("runs", "logs", runs[0]["run_id"], "--home", home),
    )


def command_line(*arguments: object) -> str:
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 0, said.output
    return said.stdout


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[str]:
    """A real MLflow with DRIFTLOOP_MLFLOW, else a server that keeps to what was seen of one."""
    (tmp_path / "mlflow").mkdir()
    with real_mlflow(tmp_path / "mlflow") if ASKED else mlflow_server.serving(mlflow_server.Mlflow()) as url:
        yield url


@pytest.fixture(autouse=True)
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.setenv("DRIFTLOOP_TRAINER_WORKER_COMMANDS", json.dumps({MODEL: f"{{python}} {tmp_path / 'train.py'}"}))


PROCESSES = (*SERVICES, *BESIDE)
EACH_ONCE: Kills = {
    "2 served": ("translate-log", "outcome_ingestion"),
    "2 labelled": ("translate-labels", "outcome_archive"),
    "5 labelled": ("drift_detection", "retrain_coordinator"),
    "training": ("trainer_worker", "mirror"),
    "6 served": ("pair",),
    "6 labelled": ("challenge_scoring",),
}
STAGES = ("2 served", "5 labelled", "training", "6 served", "7 labelled")
PLAYS: dict[str, Kills] = {
    "nobody": {},
    "each once": EACH_ONCE,
    **{name: dict.fromkeys(STAGES, (name,)) for name in PROCESSES},
}
WHO = os.environ.get("DRIFTLOOP_BESIDE", "nobody")
"""Who is killed: names by comma, or `all`. A play takes half a minute, and another for the kills."""


@pytest.mark.parametrize("who", PLAYS if WHO == "all" else WHO.split(","))
def test_the_loop_is_closed_once_whoever_is_killed_on_the_way(tmp_path: Path, mlflow: str, who: str):
    story = play(tmp_path / "home", mlflow, PLAYS[who])
    assert story.events == [
        ("registered", FIRST), ("promoted", FIRST), ("registered", "1.0.0"), ("challenged", "1.0.0"),
        ("promotion_asked", "1.0.0"), ("promoted", "1.0.0"),
    ]  # fmt: skip
    assert story.decisions == [("retrain", "drift", "1.0.0"), ("promote", "proof", "1.0.0")]
    assert story.runs == [("succeeded", "1.0.0")]
    assert story.aliases == [(FIRST, None), (FIRST, "1.0.0"), ("1.0.0", None)]
    assert story.served == {FIRST: 1_400, "1.0.0": 400}
    assert len(story.outcomes) == 2 * sum(story.served.values())
    assert set(story.outcomes.values()) == {1}
    assert "proof: learnt" in story.run_log
    promoted, journal = story.journal.events[-1], story.journal
    assert promoted.previous_version == FIRST
    assert any(signal.harmful for signal in journal.signals)
    assert journal.signals[0].message_id in promoted.caused_by
    asked = journal.events[-2].evidence
    assert asked["rows"] > asked["validated_rows"]  # type: ignore[operator]
