"""What `list_topics` gives."""

from types import SimpleNamespace
from typing import Any

from tests.simulation.current import CURRENT


def cluster_metadata(topic: str | None, timeout: float) -> Any:
    """The topics by name, each with its partitions."""
    world = CURRENT.world
    world.request("list_topics", timeout)
    names = world.cluster.topics if topic is None else [name for name in (topic,) if name in world.cluster.topics]
    found = {
        name: SimpleNamespace(error=None, partitions=dict.fromkeys(range(len(world.cluster.topics[name]))))
        for name in names
    }
    return SimpleNamespace(topics=found, cluster_id=world.cluster.id, brokers={1: None})
