"""The checkpoints of a model: whether their chains hold, and where verification can start."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftloop.contracts import topics
from driftloop.contracts.message import FramePosition
from driftloop.contracts.model_checkpoints import Keeper, ModelCheckpoint
from driftloop.contracts.signing import is_signed_by
from driftloop.cores.checkpoints import Checkpoints, Link
from driftloop.processor import Record
from driftloop.tools.verify.recorded import Recorded, bytes_of, milliseconds_of

KEEPERS: tuple[Keeper, ...] = ("drift_detection", "retrain_coordinator")
Since = int | datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint without its state, which `read` gives; `fault` is what is wrong with it, for a person."""

    record: Record
    service: Keeper
    position: FramePosition
    at: datetime
    log_ms: int
    layout: int
    state_sha256: str
    fault: str = ""

    def read(self) -> ModelCheckpoint:
        """The whole message."""
        return ModelCheckpoint.from_json(bytes_of(self.record))


@dataclass(frozen=True, slots=True)
class Start:
    """The checkpoints of both services that a run starts from; the coordinator's is not the older one."""

    detection: Kept
    coordination: Kept


def checkpoints_of(recorded: Recorded, model: str, keys: Sequence[str] = ()) -> list[Kept]:
    """All that are on the log, in its order. With `keys` (public), each must be signed by one of them."""
    newest: dict[Keeper, tuple[int, str]] = {}
    found = []
    for record in recorded.of(topics.MODEL_CHECKPOINTS, model):
        try:
            message = ModelCheckpoint.from_json(bytes_of(record))
        except ValueError:
            continue  # not written by a service: it says nothing, and the chain goes on without it
        fault = _fault(message, newest.get(message.service), keys)
        newest[message.service] = message.number, message.sha256
        found.append(
            Kept(
                record, message.service, message.position, message.occurred_at, milliseconds_of(record),
                message.layout, message.state_sha256, fault,
            )
        )  # fmt: skip
    return found


def _fault(message: ModelCheckpoint, before: tuple[int, str] | None, keys: Sequence[str]) -> str:
    try:
        message.unpacked()
    except ValueError as error:
        return str(error)
    if keys and not is_signed_by(keys, message.signed_bytes, message.signature):
        return "it is signed by none of the given keys"
    if before is None or message.number == 1:  # the oldest that is left, or a chain that began anew
        return ""
    if message.number != before[0] + 1:
        return f"it is number {message.number} of its chain, and the one before is number {before[0]}"
    if message.previous_sha256 != before[1]:
        return f"it names {message.previous_sha256} as the hash of the one before, which has {before[1]}"
    return ""


def starts(checkpoints: Sequence[Kept], begins: int) -> Iterator[Start]:
    """Where a run can start, the oldest first: every frame after it is still on the log, from `begins` on."""
    usable = [one for one in checkpoints if not one.fault and one.position.offset + 1 >= begins]
    detection = [one for one in usable if one.service == "drift_detection"]
    for coordination in (one for one in usable if one.service == "retrain_coordinator"):
        before = [one for one in detection if one.position.offset <= coordination.position.offset]
        if before:
            yield Start(max(before, key=lambda one: one.position.offset), coordination)


def newest_before(found: Sequence[Start], since: Since) -> Start | None:
    """The newest start before `since`; None where none is, or all is to be compared."""
    if since is None:
        return None
    if isinstance(since, datetime):
        return max((one for one in found if one.coordination.at < since), key=_offset, default=None)
    return max((one for one in found if _offset(one) < since), key=_offset, default=None)


def _offset(start: Start) -> int:
    return start.coordination.position.offset


@dataclass(frozen=True, slots=True)
class SameMoments(Checkpoints):
    """Makes checkpoints of exactly the frames that the log has one of."""

    every: timedelta = timedelta(days=1)
    offsets: frozenset[int] = field(default_factory=frozenset)

    def is_due(self, newest: Link | None, position: FramePosition, at: datetime) -> bool:  # noqa: ARG002
        """Whether the log has a checkpoint of the frame."""
        return position.offset in self.offsets


def same_moments(service: Keeper, checkpoints: Sequence[Kept]) -> SameMoments:
    """The rule of a service, from its checkpoints on the log."""
    offsets = frozenset(one.position.offset for one in checkpoints if one.service == service)
    return SameMoments(service, offsets=offsets)


def difference_of(kept: Kept, again: bytes) -> tuple[str, str, str] | None:
    """The field of a checkpoint that did not come out the same, as it was and as it is; None where all did.

    Chain and signature are left out: another run has another chain.
    """
    message = json.loads(again)
    if kept.layout != message["layout"] or kept.state_sha256 == message["state_sha256"]:
        return None
    return "state_sha256", kept.state_sha256, str(message["state_sha256"])
