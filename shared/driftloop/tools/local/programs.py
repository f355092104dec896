"""The processes of a local loop, and the settings that tie them together."""

import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from driftloop.contracts import topics as topic
from driftloop.kafka.settings import StateKind
from driftloop.tools.local.home import Home

SERVICES: Mapping[str, tuple[str, ...]] = {
    "outcome_ingestion": ("outcome_ingestion", "--role", "ingest"),
    "outcome_archive": ("outcome_ingestion", "--role", "archive"),
    "drift_detection": ("drift_detection",),
    "retrain_coordinator": ("retrain_coordinator",),
    "trainer_worker": ("trainer_worker", "--role", "train"),
    "challenge_scoring": ("trainer_worker", "--role", "score"),
}
"""Process → module and arguments. The names are those of the consumer groups."""

CONSOLE = "operations_console"
NOTIFY = "operations_notify"
LINEAGE: Mapping[str, tuple[str, ...]] = {"operations_lineage": (CONSOLE, "--role", "lineage")}
"""Runs where a receiver of OpenLineage events is set."""
PROCESSES: Mapping[str, tuple[str, ...]] = {**SERVICES, CONSOLE: (CONSOLE,), NOTIFY: (CONSOLE, "--role", "notify")}
"""The services, the console that shows them, and the notifier; a replay runs without these two."""
CONSOLE_PORT = 8484
"""Where the console is, if nobody listens there yet."""
BESIDE: Mapping[str, tuple[str, ...]] = {
    "outcome_translate": ("outcome_ingestion", "--role", "translate"),
    "outcome_pairing": ("outcome_ingestion", "--role", "pair"),
}
"""Processes that only run where sources are declared; `outcome_translate` has a group a source."""
MIRRORS: Mapping[str, tuple[str, ...]] = {"operations_mirror": (CONSOLE, "--role", "mirror")}
"""Processes that only run where there is a registry of others to keep up."""
OPTIONAL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sources": BESIDE,
    "mlflow": MIRRORS,
    "lineage": LINEAGE,
}
"""Profile of Compose, and component of Kubernetes → the processes that it adds."""

GROUP_INPUTS: Mapping[str, tuple[str, ...]] = {
    "outcome_ingestion": (topic.PREDICTION_OUTCOMES, topic.PREDICTION_LABELS),
    "outcome_archive": (topic.OUTCOME_FRAMES,),
    "drift_detection": (topic.OUTCOME_FRAMES,),
    "retrain_coordinator": (
        topic.DRIFT_SIGNALS,
        topic.DRIFT_STATUS,
        topic.CHALLENGE_SCORES,
        topic.TRAINING_RESULTS,
        topic.MODEL_COMMANDS,
    ),
    "trainer_worker": (topic.TRAINING_REQUESTS, topic.MODEL_COMMANDS, topic.TRAINING_ANSWERS),
    "challenge_scoring": (topic.MODEL_EVENTS, topic.OUTCOME_FRAMES),
}
"""Consumer group → the topics it commits offsets of: a loop is still when all are at their ends."""

BESIDE_INPUTS: Mapping[str, tuple[str, ...]] = {
    "outcome_pairing": (topic.PREDICTION_HALVES,),
    "operations_mirror": (topic.MODEL_EVENTS, topic.TRAINING_REQUESTS, topic.TRAINING_RESULTS),
}
"""The same of the processes beside, which a local loop does not wait for."""

GROUP_STATES: Mapping[str, StateKind] = {
    "outcome_ingestion": "keyed",
    "outcome_pairing": "keyed",
    "outcome_archive": "none",
    "drift_detection": "snapshot",
    "retrain_coordinator": "keyed",
    "trainer_worker": "keyed",
    "challenge_scoring": "keyed",
    "operations_mirror": "keyed",
}
"""Consumer group → the kind of state that it keeps on a changelog."""


SINGLE_THREADED: Mapping[str, str] = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
"""Several processes share the cores, so none of them takes all of them for one product of matrices."""

SAME_HASHES: Mapping[str, str] = {"PYTHONHASHSEED": "0"}
"""As the trainer's runs need them, which can then be forked too. Whoever could make them collide on purpose is on this
machine already."""


LEARNT_WITH: Mapping[str, tuple[str, ...]] = {
    "random-forest": ("sklearn.ensemble",),
    "gradient-boosting": ("sklearn.ensemble",),
    "linear": ("sklearn.linear_model",),
}
"""Learner → what its models are loaded with; libraries that start threads are left to those who use them."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running, and the port where it says that it is ready.

    One that is not `vital` is started again for ever, and stops nobody else: the loop does its work without it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    port: int
    vital: bool = True


def service_programs(
    home: Home, kafka_environment: Mapping[str, str], ports: Mapping[str, int], warm: Sequence[str] = ()
) -> tuple[Program, ...]:
    """The processes of a loop that lives in `home`: those that `ports` names, each with the port of its metrics.

    `warm` names the learners that the trainer makes ready before the first run.
    """
    return tuple(
        Program(
            name,
            (sys.executable, "-m", *_module(name)),
            {**os.environ, **kafka_environment, **_settings(_module(name)[0], home, port, warm)},
            port,
            vital=name in SERVICES,
        )
        for name, port in ports.items()
    )


def imports_of(names: Iterable[str], warm: Sequence[str] = ()) -> tuple[str, ...]:
    """What these processes import, for one that imports it once for all: the heaviest of their modules.

    >>> imports_of(["trainer_worker", "challenge_scoring"])
    ('trainer_worker.app',)
    >>> imports_of(["operations_console", "operations_notify"])
    ('operations_console.app', 'operations_console.adapters.process')
    """
    modules = [*names]
    apps = dict.fromkeys(f"{_module(name)[0]}.app" for name in modules)
    web = ("operations_console.adapters.process",) if CONSOLE in modules else ()  # its app leaves Faust to that role
    return (*apps, *web, *(module for learner in warm for module in LEARNT_WITH.get(learner, ())))


def _module(name: str) -> tuple[str, ...]:
    return {**PROCESSES, **LINEAGE}[name]


def _settings(service: str, home: Home, port: int, warm: Sequence[str]) -> dict[str, str]:
    prefix = f"DRIFTLOOP_{service.upper()}_"
    ready = {f"{prefix}WARM": json.dumps(list(warm))} if service == "trainer_worker" and warm else {}
    if service == CONSOLE:
        ready[f"{prefix}RULES_FILE"] = str(home.notifications)
        ready |= {f"{prefix}TOKENS_FILE": str(home.tokens)} if home.tokens.is_file() else {}
    return {
        **SINGLE_THREADED,
        **ready,
        f"{prefix}METRICS_PORT": str(port),
        f"{prefix}ARCHIVE_URI": str(home.lake),
        f"{prefix}ARTIFACT_URI": str(home.artifacts),
        f"{prefix}RUNS_PATH": str(home.runs),
        f"{prefix}DATA_FOLDER": str(home.console),
    }


def console_port() -> int:
    """The console's usual port, or a free one where that is taken: its address stays the same over restarts."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", CONSOLE_PORT))
        except OSError:
            return free_ports(1)[0]
    return CONSOLE_PORT


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()
