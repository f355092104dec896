"""Every process does its work on a guarded cluster, with its own principal and no other's rights."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from driftloop.kafka.access import apply_grants
from driftloop.kafka.topics import apply_topics
from driftloop.local.home import Home
from driftloop.local.programs import SERVICES, free_ports, service_programs
from driftloop.local.supervisor import Supervisor

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PREFIX = "guarded."


@pytest.fixture(scope="module")
def services(guarded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """All six processes under a prefix of their own, each with its own password."""
    administration = guarded.administration.model_copy(update={"topic_prefix": PREFIX})
    apply_topics(administration, partitions=1)
    apply_grants(administration, guarded.grants.values())
    home = Home(tmp_path_factory.mktemp("home"))
    logs = tmp_path_factory.mktemp("logs")
    programs = [
        replace(program, environment={**program.environment, **guarded.environment(program.name)})
        for program in service_programs(home, {"DRIFTLOOP_KAFKA_TOPIC_PREFIX": PREFIX}, free_ports(len(SERVICES)))
    ]
    with Supervisor(programs, logs) as supervisor:
        supervisor.wait_ready(90)
        yield supervisor


def test_every_process_gets_ready_with_what_it_is_granted(services: Supervisor):
    assert set(services.pids()) == set(SERVICES)
