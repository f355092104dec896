"""The loop that the tests of this folder share: every process on a guarded cluster, watched while they work."""

import json
import random
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftloop.kafka.admin.access import apply_grants
from driftloop.kafka.admin.topics import apply_topics
from driftloop.tools.local.home import Home
from driftloop.tools.local.programs import PROCESSES, free_ports, service_programs
from driftloop.tools.local.supervisor import Supervisor
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.player import Pace, Played, Player
from driftloop.tools.replay.recording import open_recording
from driftloop.tools.replay.wire import KafkaWire

PREFIX = "guarded."
PROMETHEUS = shutil.which("prometheus")


class Silent:
    """An audience that says nothing."""

    def stage(self, sentence: str) -> None: ...

    def message(self, message: object) -> None: ...

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None: ...


def turning_stream(folder: Path) -> ReplayOptions:
    """A recording whose concept turns round in the middle, to be replayed with quick runs."""
    dice = random.Random(7)
    lines = ["a,b,c,target"]
    for row in range(1_000):
        a, b, c = (dice.gauss(0, 1) for _ in range(3))
        truth = (a + b > 0) == (row < 500)
        lines.append(f"{a:.4f},{b:.4f},{c:.4f},{'yes' if truth else 'no'}")
    file = folder / "turn.csv"
    file.write_text("\n".join(lines) + "\n")
    return ReplayOptions(file=file, target="target", train_rows=300, learner="linear", label_delay_rows=5)


class Scraper:
    """A Prometheus on this machine that reads the processes every second, and is asked over its API."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder, self._port = folder, free_ports(1)[0]
        targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"process": name}} for name, port in ports.items()]
        jobs = [{"job_name": "driftloop", "static_configs": targets}]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
        command = [str(PROMETHEUS), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "prometheus.log").open("wb") as log:
            listen = f"--web.listen-address=127.0.0.1:{self._port}"
            self._process = subprocess.Popen([*command, listen], stdout=log, stderr=log)

    def wait(self, seconds: float = 30) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + seconds
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "prometheus.log").read_text()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def ask(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The series of an expression between two moments."""
        query = {"query": expression, "start": start, "end": end, "step": max(1, int(end - start) // 300)}
        url = f"http://127.0.0.1:{self._port}/api/v1/query_range?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return list(json.load(answer)["data"]["result"])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@dataclass(frozen=True)
class GuardedLoop:
    """A loop that has played a stream: what came of it, what it logged, what it showed."""

    supervisor: Supervisor
    logs: Path
    ports: dict[str, int]
    played: Played
    scraper: Scraper | None
    started: float
    ended: float

    def said(self) -> str:
        """All that was logged, and all metrics as they are now."""
        logged = [file.read_text(errors="replace") for file in self.logs.glob("*.log")]
        urls = [f"http://127.0.0.1:{port}/metrics" for port in self.ports.values()]
        shown = [urllib.request.urlopen(url, timeout=10).read().decode() for url in urls]
        return "\n".join(logged + shown)

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series of a dashboard's expression over the whole replay."""
        assert self.scraper is not None
        plain = expression.replace("$model", ".*").replace("$__rate_interval", "20s")
        return self.scraper.ask(plain, self.started, self.ended)


@pytest.fixture(scope="package")
def guarded_loop(guarded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedLoop]:
    """All processes under a prefix of their own, each with its own password, after a replay."""
    everything = guarded.administration.model_copy(update={"topic_prefix": PREFIX})
    apply_topics(everything, partitions=1)
    apply_grants(everything, guarded.grants.values())
    folder = tmp_path_factory.mktemp("loop")
    ports = dict(zip(PROCESSES, free_ports(len(PROCESSES)), strict=True))
    home = Home(folder / "home").make()
    home.notifications.write_text("rules: []\n")
    environment = {"DRIFTLOOP_KAFKA_TOPIC_PREFIX": PREFIX}
    programs = [
        replace(program, environment={**program.environment, **guarded.environment(program.name)})
        for program in service_programs(home, environment, ports)
    ]
    stream = turning_stream(folder)
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor(programs, folder))
        supervisor.wait_ready(90)
        scraper = Scraper(folder, ports) if PROMETHEUS else None
        if scraper:
            stack.callback(scraper.stop)
            scraper.wait()
        started = time.time()  # noqa: TID251  (Prometheus keeps the wall's time)
        pace = Pace("lockstep", label_delay_rows=stream.label_delay_rows)
        recording = open_recording(stream)
        wire = stack.enter_context(KafkaWire(recording.spec.model_id, everything, supervisor.check))
        played = Player(recording, wire, pace, Silent()).play()
        ended = time.time()  # noqa: TID251
        yield GuardedLoop(supervisor, folder, ports, played, scraper, started, ended)
