"""Creates and checks the declared topics, and the changelogs of the groups that hold state."""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from driftloop.contracts.topics import DEAD_LETTERS, Topic, topics
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import MAX_MESSAGE_BYTES, admin_client
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.settings import KafkaSettings

STATEFUL_GROUPS: Mapping[str, str] = {
    "outcome_ingestion": "predictions",
    "outcome_pairing": "predictions",
    "drift_detection": "models",
    "retrain_coordinator": "models",
    "trainer_worker": "models",
    "challenge_scoring": "models",
    "operations_notify": "models",
    "operations_mirror": "models",
}
"""The groups that keep a changelog, and the partition group that it is partitioned like."""

_TIMEOUT_S = 30.0
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """What a topic on the cluster lacks: `found` is None where it is missing altogether."""

    topic: str
    setting: str
    declared: str
    found: str | None


def topic_config(topic: Topic) -> dict[str, str]:
    """The broker's settings of a declared topic."""
    keep = -1 if topic.retention_days is None else int(topic.retention_days * _DAY_MS)
    size = MAX_MESSAGE_BYTES * (2 if topic.name == DEAD_LETTERS else 1)
    config = {"cleanup.policy": topic.cleanup, "max.message.bytes": str(size)}
    return config if topic.cleanup == "compact" else {**config, "retention.ms": str(keep)}


def changelog_config() -> dict[str, str]:
    """The broker's settings of a changelog."""
    return {
        "cleanup.policy": "compact",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "segment.ms": "3600000",
        "min.cleanable.dirty.ratio": "0.3",
    }


def _wanted(partitions: int | None) -> dict[str, tuple[int, dict[str, str]]]:
    declared = topics()
    wanted = {t.name: (partitions or t.partitions, topic_config(t)) for t in declared.values()}
    for group, like in STATEFUL_GROUPS.items():
        count = partitions or next(t.partitions for t in declared.values() if t.partition_group == like)
        wanted[f"{group}-changelog"] = (count, changelog_config())
    return wanted


def apply_topics(kafka: KafkaSettings, *, partitions: int | None = None, replication: int | None = None) -> list[str]:
    """Create what is missing of the declared topics and changelogs; the names of the new ones.

    When this returns, the new topics take records. Existing topics get the declared settings and keep their
    partitions. `partitions` overrides the topic files (local mode uses 1: a total order); `replication=None`
    takes the broker's default.
    """
    admin = admin_client(kafka)
    wanted = {kafka.topic_prefix + name: value for name, value in _wanted(partitions).items()}
    created = create_topics(
        admin, [NewTopic(name, count, replication or -1, config=config) for name, (count, config) in wanted.items()]
    )
    _await_served(kafka, admin, dict.fromkeys(wanted, 1))
    _alter(admin, {name: config for name, (_, config) in wanted.items() if name not in created})
    return [name.removeprefix(kafka.topic_prefix) for name in created]


def create_topics(admin: AdminClient, wanted: Iterable[NewTopic]) -> list[str]:
    """Create topics and wait for them; those that were there already are left out of the answer."""
    created = []
    futures = admin.create_topics(list(wanted), operation_timeout=_TIMEOUT_S, request_timeout=_TIMEOUT_S)
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            raise UserError(
                f"topic {name} could not be created: {error.args[0].str()}", ExitCode.BROKER_AWAY
            ) from error
        created.append(name)
    _await_visible(admin, dict.fromkeys(created, 1))
    return created


def grow_topics(kafka: KafkaSettings, admin: AdminClient, partitions: Mapping[str, int]) -> None:
    """Give topics, named without the prefix, so many partitions; when this returns, the new ones take records.

    Raises UserError where Kafka refuses. The next look tells how far a call got that was cut off.
    """
    wanted = {kafka.topic_prefix + topic: count for topic, count in partitions.items()}
    asked = [NewPartitions(name, count) for name, count in wanted.items()]
    with_results(admin.create_partitions(asked, operation_timeout=_TIMEOUT_S))
    _await_served(kafka, admin, wanted)


def _await_visible(admin: AdminClient, least: Mapping[str, int]) -> dict[str, int]:
    """How many partitions each of these topics has, once a broker shows the `least` of all of them.

    The controller answers before the brokers serve what is new, and in a cluster each of them learns of it in its own
    time: what one has shown, the next one that is asked may not know yet.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        found = {name: len(t.partitions) for name, t in admin.list_topics(timeout=_TIMEOUT_S).topics.items()}
        missing = {name for name, count in least.items() if found.get(name, 0) < count}
        if not missing:
            return {name: found[name] for name in least}
        if time.monotonic() > deadline:
            name = min(missing)
            raise UserError(
                f"Kafka took {name} with {least[name]} partitions and does not show them", ExitCode.BROKER_AWAY
            )


def _await_served(kafka: KafkaSettings, admin: AdminClient, least: Mapping[str, int]) -> None:
    """A broker shows what is new before it leads its partitions, by a second where it is busy: ask each for its end."""
    there = _await_visible(admin, least).items()
    with closing(EndOffsets(kafka)) as ends:
        ends.ask([(name.removeprefix(kafka.topic_prefix), number) for name, count in there for number in range(count)])


def _alter(admin: AdminClient, wanted: Mapping[str, Mapping[str, str]]) -> None:
    resources = [
        ConfigResource(ResourceType.TOPIC, name, incremental_configs=[_set(*entry) for entry in config.items()])
        for name, config in wanted.items()
    ]
    if resources:
        with_results(admin.incremental_alter_configs(resources, request_timeout=_TIMEOUT_S))


def _set(name: str, value: str) -> ConfigEntry:
    return ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)


def with_results(futures: Mapping[Any, Any]) -> dict[Any, Any]:
    """Wait for all; raises UserError with the first refusal."""
    try:
        return {name: future.result() for name, future in futures.items()}
    except KafkaException as error:
        raise UserError(f"Kafka refused: {error.args[0].str()}", ExitCode.BROKER_AWAY) from error


def check_topics(kafka: KafkaSettings) -> list[TopicDifference]:
    """Where the cluster differs from the declared topics; empty when all is as declared."""
    admin = admin_client(kafka)
    there = admin.list_topics(timeout=_TIMEOUT_S).topics
    wanted = _wanted(None)
    prefix = kafka.topic_prefix
    found = [name for name in wanted if prefix + name in there]
    resources = [ConfigResource(ResourceType.TOPIC, prefix + name) for name in found]
    configs = with_results(admin.describe_configs(resources, request_timeout=_TIMEOUT_S)) if found else {}
    by_name = {resource.name: config for resource, config in configs.items()}
    differences = [TopicDifference(name, "topic", "there", None) for name in wanted if name not in found]
    for name in found:
        count, config = wanted[name]
        has = {"partitions": str(len(there[prefix + name].partitions))}
        has |= {key: by_name[prefix + name][key].value for key in config}
        should = {"partitions": str(count), **config}
        differences += [TopicDifference(name, key, should[key], has[key]) for key in should if has[key] != should[key]]
    return differences
