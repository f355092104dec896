"""The core as the runtime sees it: frames in, signals and statuses out, a snapshot for each model."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from drift_detection.core.migrations import LAYOUT, migrated
from drift_detection.core.model import WatchedModel
from drift_detection.core.reports.pace import SegmentStatuses
from drift_detection.core.reports.signals import change_signal, combined_signal, harm_signal
from drift_detection.core.reports.status import status_record
from drift_detection.core.rows import FrameRows
from drift_detection.core.tables import SpecAndProfileTables
from drift_detection.core.timestamps import moment
from driftloop.codec.frames import Frame, decode_frame, holds_values
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.message import FramePosition
from driftloop.contracts.topics import DRIFT_SIGNALS, MODEL_PROFILES, MODEL_SPECS
from driftloop.cores.checkpoints import Checkpoints, Link, StateOf
from driftloop.cores.decode_each import decode_each
from driftloop.processor import Effects, Outgoing, Record, StaleTableError
from driftloop.spec.model_spec import ModelSpec


class DriftDetection:
    """Detection for the models of the assigned partitions.

    Specs and profiles are tables: a frame that names one not yet read makes the loop catch up. A
    version whose profile is not there then is watched without one, for as long as it serves.
    `checkpoints` says when a model's state is published; None: never. `status_seconds` lie between two statuses of
    a segment of which nothing changed; 0: each frame has one of each segment with rows in it.
    """

    def __init__(self, checkpoints: Checkpoints | None = None, *, status_seconds: float = 0.0) -> None:
        self._checkpoints = checkpoints
        self._statuses = SegmentStatuses(status_seconds)
        self.knowledge = SpecAndProfileTables()
        self._models: dict[int, dict[str, WatchedModel]] = {}
        self.signals: Counter[tuple[str, str, bool]] = Counter()
        """Signals raised since the start, by model, kind and harm."""

    def models(self) -> list[tuple[str, WatchedModel]]:
        """The models of all partitions, by id."""
        return [entry for models in list(self._models.values()) for entry in list(models.items())]

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        decoded = decode_each(records, lambda record: decode_frame(record.value() or b"", record.headers()))
        frames = [one for one in decoded.messages if not holds_values(one[1].batch)]
        ignored = {"observations": len(decoded.messages) - len(frames)}
        if not tables_current:
            self._require(frames)
        outgoing: list[Outgoing] = []
        unknown = 0
        for record, frame in frames:
            said = self._take_frame(record, frame, now)
            if said is None:
                unknown += 1
            else:
                outgoing += said
        outgoing += self._statuses.due(now)
        ignored |= {"unknown_model": unknown}
        told = {why: count for why, count in ignored.items() if count}
        return Effects(tuple(outgoing), dead_letters=decoded.dead, ignored=told, wake_at=self._statuses.wake_at)

    def _require(self, frames: Sequence[tuple[Record, Frame]]) -> None:
        """Raise while a frame speaks of a spec or a version that has not been read."""
        lacking = []
        for _, frame in frames:
            model_id = frame.header.model_id
            if not self.knowledge.has_spec(model_id, frame.header.spec_version):
                lacking.append((model_id, None))
                continue
            versions = frame.batch.column("model_version").unique().to_pylist()
            lacking += [
                (model_id, version)
                for version in versions
                if version is not None and not self.knowledge.has_profile(model_id, version)
            ]
        for model_id, version in lacking:
            if version is not None:
                self.knowledge.is_absent(model_id, version)
        if lacking:
            raise StaleTableError(f"frames of {lacking[0][0]} speak of what the tables lack")

    def _model(self, record: Record, frame: Frame) -> WatchedModel | None:
        models = self._models.setdefault(record.partition(), {})
        model_id, version = frame.header.model_id, frame.header.spec_version
        known = models.get(model_id)
        if known is not None and known.spec_version >= version:
            return known
        spec = self.knowledge.spec(model_id, version)
        if spec is None:
            return known
        if known is None:
            models[model_id] = WatchedModel(spec, version)
        else:
            known.change_spec(spec, version)
        return models[model_id]

    def _take_frame(self, record: Record, frame: Frame, now: datetime) -> list[Outgoing] | None:
        """All that is said with a frame; None of a model that nobody has declared."""
        place, version = (record.partition(), frame.header.model_id), frame.header.spec_version
        known = self._models.get(place[0], {}).get(place[1])
        rows = None if known is None else FrameRows(frame, known.spec)
        if rows is not None:
            self._statuses.overtake(place, rows, version)
        model = self._model(record, frame)
        if model is None:
            return None
        if rows is None or rows.spec is not model.spec:
            rows = FrameRows(frame, model.spec)
        return self._take(model, rows, FramePosition(partition=place[0], offset=record.offset()), now)

    def _take(self, model: WatchedModel, rows: FrameRows, position: FramePosition, now: datetime) -> list[Outgoing]:
        """The frame's signals by row, then statuses of segments with rows in it and, last, the whole model's."""
        model_id = model.spec.model_id
        found = model.take(rows, self.knowledge.references(model_id))
        signals = [harm_signal(model, harm, position) for harm in found.harms]
        signals += [change_signal(model, change, position) for change in found.changes]
        if found.combined is not None:
            signals.append(combined_signal(model, *found.combined, position))
        self.signals.update((model_id, signal.kind, signal.harmful) for signal in signals)
        out = [_signal_record(signal) for signal in sorted(signals, key=lambda signal: signal.raised.row)]
        segments, raised = found.segments & model.monitors.keys() - {""}, {signal.segment for signal in signals}
        out += self._statuses.of_frame(model, position, segments, raised, now)
        elsewhere = found.numbered_elsewhere
        out.append(status_record(model, "", position, found.blocks, signals=len(signals), elsewhere=elsewhere))
        model.end()
        return out + self._checkpoint(model, position)

    def _checkpoint(self, model: WatchedModel, position: FramePosition) -> list[Outgoing]:
        """The model's state as of the frame, where one is due."""
        rule, at = self._checkpoints, moment(model.watermark)
        if rule is None or not rule.is_due(model.newest_checkpoint, position, at):
            return []
        content = msgspec.json.encode(_kept(model))
        state = StateOf(model.spec.model_id, position, at, model.spec, model.spec_version, LAYOUT, content)
        made = rule.make(state, model.newest_checkpoint)
        if made is None:
            return []
        out, model.newest_checkpoint = made
        return [out]

    def wake(self, now: datetime) -> Effects:
        """The statuses of segments that have waited for long enough: they change nothing that is kept."""
        found = self._statuses.due(now)
        return Effects(tuple(found), wake_at=self._statuses.wake_at, only_tells=True)

    def say_held(self, partition: int) -> list[Outgoing]:
        """The statuses of segments that wait, of a partition that may go now."""
        return self._statuses.say_held(partition)

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self._statuses.forget(partition)
        models = self._models[partition] = {}
        for model_id, packed in state:
            if model_id in self.knowledge.withdrawn:
                continue
            kept = msgspec.json.decode(_unpacked(packed))
            texts = {name: msgspec.json.encode(part) for name, part in kept["spec"].items()}
            spec = self.knowledge.shared(ModelSpec.model_validate(kept["spec"]), texts)
            model = models[model_id] = WatchedModel(spec, kept["model"]["spec_version"])
            model.restore(
                migrated(kept["model"], self.knowledge.references(model_id)), self.knowledge.references(model_id)
            )
            if "checkpoint" in kept:
                model.newest_checkpoint = msgspec.convert(kept["checkpoint"], Link)

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:
        for model_id, model in self._models.get(partition, {}).items():
            newest = model.newest_checkpoint
            kept = _kept(model) if newest is None else {**_kept(model), "checkpoint": newest}
            yield model_id, zlib.compress(msgspec.json.encode(kept), 6)

    def revoke(self, partition: int) -> None:
        self._models.pop(partition, None)
        self._statuses.forget(partition)

    def _forget(self, model_id: str | None) -> None:
        """A spec was withdrawn: its model is watched no longer. None: none was."""
        if model_id is None:
            return
        for models in self._models.values():
            models.pop(model_id, None)
        self._statuses.forget(model_id=model_id)

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            if topic == MODEL_SPECS:
                self._forget(self.knowledge.take_spec(record.key(), record.value()))
            elif topic == MODEL_PROFILES:
                self.knowledge.take_profile(record.key(), record.value())


def _kept(model: WatchedModel) -> dict[str, Any]:
    return {"spec": msgspec.json.decode(model.spec.model_dump_json()), "model": model.snapshot()}


def _unpacked(state: bytes) -> bytes:
    """The JSON of an entry of the changelog (compressed), or of a checkpoint (as it stands there)."""
    return state if state.startswith(b"{") else zlib.decompress(state)


def _signal_record(signal: DriftSignal) -> Outgoing:
    return Outgoing(DRIFT_SIGNALS, signal.model_id, signal.to_json(), partition_by=signal.model_id)
