"""Every process does its work on a guarded cluster, with its own principal and no other's rights."""

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from driftloop.kafka.access import apply_grants
from driftloop.kafka.topics import apply_topics
from driftloop.local.home import Home
from driftloop.local.programs import SERVICES, free_ports, service_programs
from driftloop.local.supervisor import Supervisor
from driftloop.replay.options import ReplayOptions
from driftloop.replay.player import Audience, Pace, Player
from driftloop.replay.recording import open_recording

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PREFIX = "guarded."


@dataclass(frozen=True)
class Running:
    """The six processes, where they log, and where they show their metrics."""

    supervisor: Supervisor
    logs: Path
    ports: tuple[int, ...]

    def said(self) -> str:
        """All that was logged and all metrics."""
        logged = [file.read_text(errors="replace") for file in self.logs.glob("*.log")]
        urls = [f"http://127.0.0.1:{port}/metrics" for port in self.ports]
        shown = [urllib.request.urlopen(url, timeout=10).read().decode() for url in urls]
        return "\n".join(logged + shown)


@pytest.fixture(scope="module")
def services(guarded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """All six processes under a prefix of their own, each with its own password."""
    administration = guarded.administration.model_copy(update={"topic_prefix": PREFIX})
    apply_topics(administration, partitions=1)
    apply_grants(administration, guarded.grants.values())
    home = Home(tmp_path_factory.mktemp("home"))
    logs = tmp_path_factory.mktemp("logs")
    ports = free_ports(len(SERVICES))
    programs = [
        replace(program, environment={**program.environment, **guarded.environment(program.name)})
        for program in service_programs(home, {"DRIFTLOOP_KAFKA_TOPIC_PREFIX": PREFIX}, ports)
    ]
    with Supervisor(programs, logs) as supervisor:
        supervisor.wait_ready(90)
        yield Running(supervisor, logs, ports)


def test_every_process_gets_ready_with_what_it_is_granted(services: Running):
    assert set(services.supervisor.pids()) == set(SERVICES)


def test_the_whole_loop_runs_on_what_is_granted(
    guarded, services: Running, turning_stream: ReplayOptions, silent: Audience
):
    everything = guarded.administration.model_copy(update={"topic_prefix": PREFIX})
    pace = Pace("lockstep", label_delay_rows=turning_stream.label_delay_rows)
    played = Player(open_recording(turning_stream), everything, pace, silent, services.supervisor.check).play()
    assert played.journal.signals
    assert {"registered", "challenged", "promoted"} <= {event.event for event in played.journal.events}
    assert all(result.status == "succeeded" for result in played.journal.results.values())


def test_no_password_is_ever_said(guarded, services: Running):
    said = services.said()
    assert "driftloop_records_total" in said
    passwords = [file.read_text().strip() for file in guarded.folder.glob("*.password")]
    assert len(passwords) == len(guarded.grants)
    assert not any(password in said for password in passwords)
    assert not any(password in repr(guarded.settings(name)) for name in guarded.grants for password in passwords)
