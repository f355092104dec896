"""Holds what the cores say now against what they said then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftloop.contracts import topics
from driftloop.contracts.message import FramePosition
from driftloop.processor import Record
from driftloop.tools.verify.checkpoints import Kept, Since, Start, checkpoints_of, newest_before, same_moments, starts
from driftloop.tools.verify.coordination import CoordinationAgain
from driftloop.tools.verify.detection import DetectionAgain
from driftloop.tools.verify.recorded import Recorded, json_of, model_of, offset_of, place_of
from driftloop.tools.verify.said import Difference, Said


@dataclass(frozen=True, slots=True)
class Verified:
    """How many messages came out the same, and the first that did not in each topic of each model.

    `incomplete` are models whose oldest frames are gone from the log and that no checkpoint tells of.
    `started`: models that were run from a checkpoint, and the frame that it is of. `checkpoints` counts those whose
    chain and state are right.
    """

    compared: int
    differences: tuple[Difference, ...]
    incomplete: tuple[str, ...]
    started: Mapping[str, FramePosition] = field(default_factory=dict)
    checkpoints: int = 0
    models: tuple[str, ...] = ()


def verify(recorded: Recorded, *, model: str | None = None, since: Since = None, keys: Sequence[str] = ()) -> Verified:
    """Run the cores again over the log; compare what is about frames from `since` on.

    `since` is a frame's offset, or a moment of event time. Each model is run from its first frame or, where that is
    gone or lies before `since`, from a checkpoint: with `since` from the newest before it, else from the oldest that
    all frames are there after. `keys` are public keys, one of which must have signed each checkpoint.
    """
    runs = {name: _ModelAgain(recorded, name, since, keys) for name in recorded.models() if model in (None, name)}
    for frame in recorded.frames.read(_reading_from(runs, recorded)):
        run = runs.get(model_of(frame))
        if run is not None:
            run.take(frame)
    seen = {name: run for name, run in runs.items() if run.seen}
    for run in seen.values():
        run.end()
    return Verified(
        sum(run.said.same for run in seen.values()),
        tuple(one for run in seen.values() for one in run.differences()),
        tuple(name for name, run in seen.items() if run.incomplete),
        {name: run.start.coordination.position for name, run in seen.items() if run.start is not None},
        sum(not one.fault for run in seen.values() for one in run.checkpoints),
        tuple(seen),
    )


def _reading_from(runs: Mapping[str, "_ModelAgain"], recorded: Recorded) -> dict[int, int]:
    """By partition, the first frame that a run needs; every model must be known to start behind it."""
    planned = [run.planned for run in runs.values()]
    if not planned or any(start is None for start in planned) or len(runs) < len(recorded.models()):
        alone = planned[0] if len(planned) == 1 else None
        return {} if alone is None else {alone.detection.position.partition: alone.detection.position.offset + 1}
    found: dict[int, int] = {}
    for start in planned:
        assert start is not None
        position = start.detection.position
        found[position.partition] = min(position.offset + 1, found.get(position.partition, position.offset + 1))
    return found


class _ModelAgain:
    """One model: where its run starts, and how far it has come."""

    def __init__(self, recorded: Recorded, model: str, since: Since, keys: Sequence[str]) -> None:
        self._recorded, self._model = recorded, model
        self.checkpoints = checkpoints_of(recorded, model, keys)
        self.said = Said(recorded, model, since, self.checkpoints)
        begins = min((recorded.frames.begins(one.position.partition) for one in self.checkpoints), default=0)
        self._starts = list(starts(self.checkpoints, begins))
        self.planned = newest_before(self._starts, since)
        self.start: Start | None = None
        self.seen = self.incomplete = False

    def take(self, frame: Record) -> None:
        """The next frame of the model."""
        if not self.seen:
            self.seen = True
            self._begin(frame)
        if self.incomplete or offset_of(frame) <= self._detected_to:
            return
        answers = self._detection.take(frame)
        self.said.take(answers)
        if offset_of(frame) > self._decided_to:
            self.said.take(self._coordination.take(frame, answers))

    def end(self) -> None:
        """There are no more frames."""
        if not self.incomplete:
            self.said.take(self._coordination.end())
            self.said.end()

    def differences(self) -> Iterator[Difference]:
        """What did not come out the same, and checkpoints that are not what was written."""
        for one in self.checkpoints:
            if one.fault:
                yield _faulty(self._model, one)
        yield from self.said.differences()

    def _begin(self, frame: Record) -> None:
        self.start = self.planned
        if self.start is None and self._begins_late(offset_of(frame)):
            self.start = next((one for one in self._starts if one.detection.position.offset >= offset_of(frame)), None)
            self.incomplete = self.start is None
        start, kept = self.start, self.checkpoints
        of_detection, of_coordination = (start.detection, start.coordination) if start else (None, None)
        self._detected_to = of_detection.position.offset if of_detection else -1
        self._decided_to = of_coordination.position.offset if of_coordination else -1
        self.said.begin(self._detected_to, self._decided_to)
        self._detection = DetectionAgain(
            self._recorded, self._model, of_detection, same_moments("drift_detection", kept)
        )
        self._coordination = CoordinationAgain(
            self._recorded, self._model, of_coordination, same_moments("retrain_coordinator", kept)
        )

    def _begins_late(self, first: int) -> bool:
        """Whether the log speaks of frames older than the first that is still there."""
        spoken_of = [place_of(json_of(record)) for record in self._recorded.of(topics.RETRAIN_DECISIONS, self._model)]
        spoken_of += [one.position.offset for one in self.checkpoints]
        return any(offset is not None and offset < first for offset in spoken_of)


def _faulty(model: str, kept: Kept) -> Difference:
    where = f"the {kept.service} checkpoint of frame {kept.position.offset}"
    return Difference(model, topics.MODEL_CHECKPOINTS, offset_of(kept.record), where, "as it was written", kept.fault)
