"""Removes what a replay left on a shared cluster: topics and groups under its own prefix."""

from confluent_kafka import KafkaException

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings

_TIMEOUT_S = 30.0


def remove_prefixed(kafka: KafkaSettings) -> list[str]:
    """Delete every topic and group whose name starts with the prefix; the names of the topics.

    Raises ValueError without a prefix: that would be the whole cluster.
    """
    prefix = kafka.topic_prefix
    if not prefix:
        raise ValueError("only what stands under a prefix of its own may be removed")
    admin = admin_client(kafka)
    try:
        topics = [name for name in admin.list_topics(timeout=_TIMEOUT_S).topics if name.startswith(prefix)]
        groups = [g.group_id for g in admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result().valid]
        mine = [group for group in groups if group.startswith(prefix)]
        for done in admin.delete_topics(topics, operation_timeout=_TIMEOUT_S).values() if topics else ():
            done.result()
        for done in admin.delete_consumer_groups(mine, request_timeout=_TIMEOUT_S).values() if mine else ():
            done.result()
    except KafkaException as error:
        raise UserError(
            f"the topics under {prefix} could not be removed: {error.args[0].str()}", ExitCode.BROKER_AWAY
        ) from error
    return topics
