"""What the coordinator does with each kind of message: `HANDLERS`, at the end, is the whole of it.

Evidence about a frame waits until every source has reported the frame (see `merge`). Results and commands take
effect on arrival, each once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.training_results import TrainingResult
from driftloop.cores.checkpoints import Checkpoints
from retrain_coordinator.core import commands, intake, merge
from retrain_coordinator.core.batch import Batch, Key
from retrain_coordinator.core.checkpoint import seal
from retrain_coordinator.core.decoding import FrameMessage, Incoming
from retrain_coordinator.core.lifecycle import retarget, runs
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.step import Step


@dataclass(frozen=True, slots=True)
class Desk:
    """One model while something is done about it: its state, what is declared of it, and when the log took the cause.

    `fleet` tells the runs in flight over all models of the partition, and how many may be.
    """

    batch: Batch
    key: Key
    state: ModelState
    known: Declared
    at: datetime
    fleet: Callable[[], tuple[int, int] | None]
    checkpoints: Checkpoints | None = None

    def step(self, moment: datetime, cause: UUID) -> Step:
        """A step of the model; its own clock never goes back."""
        step = Step.of(self.state, self.known, self.state.advance_to(moment), cause)
        step.fleet = self.fleet()
        return step

    def touch(self) -> None:
        """The model's entry has changed."""
        self.batch.touch(self.key, self.at)

    def done(self, step: Step) -> None:
        """A step is over."""
        self.batch.done(self.key, self.at, step)


def notice_spec(desk: Desk) -> None:
    """Where the spec declares another target than the last one that was seen, forget and say so."""
    state, known = desk.state, desk.known
    if not retarget.is_new(state, known.target):
        if state.spec_seen != known.spec_version or "spec" in state.waits:
            state.see_spec(known.spec_version)
            state.keep_waits({name: since for name, since in state.waits.items() if name != "spec"})
            intake.note_waits(Step.of(state, known, state.as_of or desk.at))
            desk.touch()
        return
    moment = (state.as_of or desk.at) if known.spec.clock == "event" else desk.at
    step = desk.step(moment, derive_id("target", state.model_id, known.spec_version))
    state.see_spec(known.spec_version)
    retarget.notice(step)
    intake.note_waits(step)
    desk.done(step)


def take_in_frames(desk: Desk, *, until: datetime | None = None) -> None:
    """Take in every frame that is complete by now, and those whose deadline has come by `until`."""
    state, known = desk.state, desk.known
    always = known.scored_always
    while (frame := merge.next_complete(state, known.spec, scored_always=always, until=until)) is not None:
        moment = frame.status.as_of if known.spec.clock == "event" else frame.at
        step = desk.step(moment, frame.status.message_id)
        intake.take_in(step, frame)
        if desk.checkpoints is not None:
            seal(step, desk.checkpoints, frame.status.as_of)
        desk.done(step)


def go_on(desk: Desk) -> None:
    """Take in the frames whose deadline has come, without what did not come.

    And those that a spec has made complete: what they waited for need not come under the target that it declares.
    """
    take_in_frames(desk, until=desk.at)


def _frame_message(desk: Desk, message: FrameMessage, raw: str) -> None:
    """Waits until every source has reported the frame; then the frame is taken in, and decided on."""
    is_awaited = merge.add(desk.state, message, raw, desk.at)
    desk.touch()
    if is_awaited:
        take_in_frames(desk)
    else:
        desk.batch.ignore("frame already taken in")


def _answer_once(desk: Desk, message: ModelCommand | TrainingResult, answer: Callable[[Step], None]) -> None:
    state, known = desk.state, desk.known
    if message.message_id in state.commands:
        desk.batch.ignore("repeated")
        return
    step = desk.step(desk.at if known.spec.clock == "wall" else state.as_of or message.occurred_at, message.message_id)
    answer(step)
    state.answered(message.message_id)
    intake.note_waits(step)
    desk.done(step)
    take_in_frames(desk)


def _training_result(desk: Desk, message: TrainingResult, _raw: str) -> None:
    """Ends the run that is waited for: its version becomes a challenger, the first one the champion."""

    def answer(step: Step) -> None:
        if not runs.end(step, message):
            desk.batch.ignore("result of no run that is waited for")

    _answer_once(desk, message, answer)


def _command(desk: Desk, message: ModelCommand, _raw: str) -> None:
    """Is answered with a decision, also if it is refused."""
    _answer_once(desk, message, lambda step: commands.obey(step, message))


Handler = Callable[[Desk, Any, str], None]
"""Takes a message of its type, and the text that it came as."""

HANDLERS: Mapping[type[Incoming], Handler] = {
    ChallengeScores: _frame_message,
    DriftSignal: _frame_message,
    DriftStatus: _frame_message,
    TrainingResult: _training_result,
    ModelCommand: _command,
}
"""Message type → handler. The commands within a `ModelCommand` have a table of their own, `commands.ANSWERS`."""
