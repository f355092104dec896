"""Which artifacts may go: never the champion's, never its predecessor's, never a challenger's.

Pruning is two steps, so that nothing is removed that somebody still counts on: the coordinator is
asked to deprecate a version and says whether it may; only then its artifact is deleted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from driftloop.artifacts.store import asked, delete_artifact, filesystem_of, lies_at
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.topics import MODEL_COMMANDS
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.registry.sync import sync
from driftloop.tools.registry.view import RegistryView, VersionInfo

_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning did: versions whose artifact was deleted, and those that the coordinator kept."""

    deleted: tuple[str, ...]
    kept: tuple[str, ...]


def removable(view: RegistryView, model_id: str, keep: int) -> list[VersionInfo]:
    """Archived and rejected versions beyond the newest `keep` of them, the oldest first."""
    events = view.events(model_id)
    served = [event.previous_version for event in events if event.event in ("promoted", "rolled_back")]
    predecessor = served[-1] if served else None
    out = [info for info in view.versions(model_id) if info.status in ("archived", "rejected")]
    return [info for info in out[: max(0, len(out) - keep)] if info.version != predecessor]


def prune(
    view: RegistryView,
    kafka: KafkaSettings,
    model_id: str,
    *,
    keep: int,
    requested_by: str,
    clock: Callable[[], datetime],
    wait_s: float = 30.0,
) -> Pruned:
    """Deprecate what is removable and delete the artifacts of all deprecated versions."""
    sync(view, kafka)
    asked = {info.version for info in removable(view, model_id, keep)}
    sender = Sender(kafka)
    for version in sorted(asked):
        sender.send(MODEL_COMMANDS, model_id, _command(model_id, version, keep, requested_by, clock()).to_json())
    sender.close()
    deadline = time.monotonic() + wait_s
    while (open_ := asked - _deprecated(view, model_id)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        sync(view, kafka)
    deleted = _deprecated(view, model_id)
    for info in view.versions(model_id):
        if info.version in deleted and info.artifact:
            delete_artifact(info.artifact)
    return Pruned(tuple(sorted(deleted)), tuple(sorted(open_)))


def storage_bytes(view: RegistryView, model_id: str) -> int:
    """How much room the artifacts of a model take; those that are gone count nothing."""
    return sum(_size(info.artifact) for info in view.versions(model_id) if info.artifact)


def _size(uri: str) -> int:
    fs, path = filesystem_of(uri)
    return int(asked(uri, lambda: fs.du(path))) if lies_at(fs, path) else 0


def _deprecated(view: RegistryView, model_id: str) -> set[str]:
    return {info.version for info in view.versions(model_id) if info.status == "deprecated"}


def _command(model_id: str, version: str, keep: int, requested_by: str, now: datetime) -> ModelCommand:
    return ModelCommand(
        message_id=derive_id("command", model_id, "deprecate", version, now.isoformat()),
        model_id=model_id,
        occurred_at=now,
        command="deprecate",
        version=version,
        reason=f"pruned: the newest {keep} archived and rejected versions are kept",
        requested_by=requested_by,
    )
