"""A follower that lacks records becomes the leader, and gives their offsets to others: Kafka lost what it acknowledged.

That is what `unclean.leader.election.enable` lets a cluster do. Three services had read the lost records: one at work,
two that are stopped meanwhile. A fourth has lost the tail of its state in the same way, a fifth rows of a table.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import pytest
from confluent_kafka.admin import NewTopic, PartitionMetadata
from tests.cluster.brokers import Brokers
from tests.cluster.cases_identity import (
    declare,
    events,
    expected,
    outcome,
    prepare,
    recover,
    running,
    send,
    settle,
    settled,
    stop_of,
    turn_for,
)

from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.admin.recovery_plan import Start
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.settings import KafkaSettings
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

_LEADER, _FOLLOWER = 1, 2
"""Of the topics that lose records. The third broker keeps the group's offsets, the transactions and a quorum."""
_UNCLEAN = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}
_SEEN_S = 60.0
_KEPT, _LOST, _INSTEAD = range(20), range(20, 40), range(40, 80)
"""Rows that both brokers have, those that only the old leader had, and those that came after it, from offset 20 on."""
_INPUTS = (PREDICTION_OUTCOMES, PREDICTION_LABELS)
_LOSSY: Mapping[str, tuple[str, ...]] = {
    "running": _INPUTS,
    "group": _INPUTS,
    "earliest": _INPUTS,
    "state": (INGEST.changelog,),
    "table": (MODEL_SPECS,),
}
"""World → its topics that lose records."""


def unclean_election(brokers: Brokers, kafka: KafkaSettings) -> None:
    """Each stops in its sentence, and `driftloop recover` leads on. Raises AssertionError where it does not."""
    worlds = {name: _world(kafka, name, topics) for name, topics in _LOSSY.items()}
    with running(worlds["running"], Ingest(), INGEST) as one, running(worlds["table"], Ingest(), INGEST) as other:
        at_work = {"running": one, "table": other}
        _count(_KEPT, worlds, at_work)
        brokers.kill(_FOLLOWER)
        _await(lambda: _seen_of(worlds, lambda partition: partition.isrs == [_LEADER]))
        declare(worlds["table"], "lost")
        _count(_LOST, worlds, at_work)
        brokers.kill(_LEADER)
        brokers.start(_FOLLOWER)
        _await(lambda: _seen_of(worlds, lambda partition: partition.leader == _FOLLOWER))
        declare(worlds["table"], "instead", "one-more")
        for world in worlds.values():
            send(world, PREDICTION_OUTCOMES, map(outcome, _INSTEAD))
        _stops_truncated(lambda: turn_for(one, _SEEN_S))
        with pytest.raises(AwayError, match="rows of it were deleted or lost"):
            turn_for(other, _SEEN_S)
    settled(worlds["table"])
    for start in ("group", "earliest"):
        _recovered(worlds[start], start)
    _state_recovered(worlds["state"])


def _world(kafka: KafkaSettings, name: str, topics: Collection[str]) -> KafkaSettings:
    """Topics under a prefix of its own; these are on two brokers, and may lose records."""
    world = kafka.model_copy(update={"topic_prefix": f"{kafka.topic_prefix}{name}."})
    on = [[_LEADER, _FOLLOWER]]
    wanted = [NewTopic(world.topic_prefix + topic, 1, replica_assignment=on, config=_UNCLEAN) for topic in topics]
    create_topics(admin_client(world), wanted)
    prepare(world, partitions=1)
    return world


def _count(rows: range, worlds: Mapping[str, KafkaSettings], at_work: Mapping[str, Loop]) -> None:
    """These rows are written, read and committed."""
    for name, world in worlds.items():
        send(world, PREDICTION_OUTCOMES, map(outcome, rows))
        if name in at_work:
            settle(world, at_work[name], INGEST)
        else:
            settled(world)


def _recovered(world: KafkaSettings, start: Start) -> None:
    """A start says what is wrong, and so does the next one; then it goes on from where it was told to."""
    _stops_truncated(lambda: settled(world))
    _stops_truncated(lambda: settled(world))
    recover(world, start=start)
    settled(world)
    unread = 0 if start == "earliest" else len(_LOST)
    counted = (*_KEPT, *_LOST, *_INSTEAD[unread:])
    assert events(world) == sum((expected(range(n, n + 1), "prediction") for n in counted), Counter())
    send(world, PREDICTION_OUTCOMES, map(outcome, range(80, 90)))
    settled(world)
    assert expected(range(80, 90), "prediction") <= events(world)


def _state_recovered(world: KafkaSettings) -> None:
    """State that lacks its tail stops too; by default the group goes back to where the state is, and loses nothing."""
    stop_of(world)
    recover(world)
    settled(world)
    assert {name for name, _ in events(world)} == {f"row-{number}" for number in (*_KEPT, *_LOST, *_INSTEAD)}


def _stops_truncated(work: Callable[[], None]) -> None:
    with pytest.raises(UserError) as stop:
        work()
    assert stop.value.exit_code == ExitCode.STATE_MISMATCH, stop.value.sentence
    for part in ("the log has lost records that were read in partition 0", "prediction-outcomes ends at 20", "--from"):
        assert part in stop.value.sentence, stop.value.sentence


def _seen_of(worlds: Mapping[str, KafkaSettings], wanted: Callable[[PartitionMetadata], bool]) -> bool:
    """Whether all partitions that may lose records are as wanted."""
    there = admin_client(worlds["table"]).list_topics(timeout=30).topics
    names = [worlds[name].topic_prefix + topic for name, topics in _LOSSY.items() for topic in topics]
    return all(wanted(partition) for name in names for partition in there[name].partitions.values())


def _await(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SEEN_S
    while not seen():
        assert time.monotonic() < deadline, "the brokers do not come to it"
        time.sleep(0.2)
