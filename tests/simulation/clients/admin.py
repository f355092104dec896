"""The administrator's client, as far as the runtime uses it."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from tests.simulation.clients.metadata import cluster_metadata
from tests.simulation.current import CURRENT, Done


class SimulatedAdmin:
    """See `confluent_kafka.admin.AdminClient`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """Topics and partitions."""
        return cluster_metadata(topic, timeout)

    def poll(self, timeout: float = 0.0) -> int:
        """Nothing to hear."""
        return 0

    def describe_topics(self, topics: Any, *, request_timeout: float) -> dict[str, Done]:
        """Ids and partitions, at once."""
        cluster = CURRENT.world.cluster
        names = topics.topic_names if hasattr(topics, "topic_names") else topics
        return {
            name: Done(SimpleNamespace(topic_id=cluster.topic_ids[name], partitions=cluster.topics[name]))
            for name in names
        }

    def describe_consumer_groups(self, groups: Any, *, request_timeout: float) -> dict[str, Done]:
        """Who is a member."""
        cluster = CURRENT.world.cluster
        return {
            name: Done(SimpleNamespace(members=[SimpleNamespace(member_id=one) for one in cluster.group(name).members]))
            for name in groups
        }

    def create_topics(self, topics: Any, **_: Any) -> dict[str, Done]:
        """Make them."""
        CURRENT.world.point("create_topics")
        for topic in topics:
            if topic.topic not in CURRENT.world.cluster.topics:
                CURRENT.world.cluster.create(topic.topic, topic.num_partitions)
        return {topic.topic: Done(None) for topic in topics}
