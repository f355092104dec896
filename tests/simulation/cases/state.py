"""Reads what a group has written down of its state, by the format alone: none of the loop's code."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class DamagedError(Exception):
    """A snapshot does not hold as many entries as it says."""


def kept_state(world: "World", group: str, partition: int) -> tuple[list[tuple[str, bytes]], dict[str, int] | None]:
    """The entries of a partition, and the input offsets that they are of where that is a snapshot."""
    topic = world.cluster.topics.get(f"{group}-changelog")
    if topic is None:
        return [], None
    last = {e.key: e for _, e in topic[partition].committed()}
    last.pop(b"\x00mark", None)
    manifest = last.pop(b"\x00manifest", None)
    there = [(key, e) for key, e in last.items() if e.value is not None]
    if manifest is not None:
        told = json.loads(manifest.value)
        there = [(key, e) for key, e in there if dict(e.headers)["driftloop.generation"] == b"%d" % told["generation"]]
        if len(there) != told["entries"]:
            raise DamagedError(f"partition {partition}: {len(there)} entries, the snapshot has {told['entries']}")
    return [(key.decode(), e.value) for key, e in there], json.loads(manifest.value)["offsets"] if manifest else None
