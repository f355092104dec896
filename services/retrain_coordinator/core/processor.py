"""The coordinator as the runtime sees it: records in, effects out, one state entry a model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.training_results import TrainingResult
from driftloop.cores.decode_each import decode_each
from driftloop.cores.record_fields import key_text
from driftloop.processor import DeadLetter, Effects, Outgoing, Record, StaleTableError, StateChange
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import Policy, Triggers
from retrain_coordinator.core import commands, intake, merge
from retrain_coordinator.core.decoding import FrameMessage, Incoming, decode, raw_text
from retrain_coordinator.core.lifecycle import retarget, runs
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.specs import Declared, declared
from retrain_coordinator.core.state import COMMANDS_KEPT, ModelState
from retrain_coordinator.core.step import Step
from retrain_coordinator.core.timers import decides_at, goes_on_at, next_moment, reminds_at

Key = tuple[int, str]

_NO_SPEC = ModelSpec.model_validate(
    {"model_id": "unknown", "task": "binary", "features": {"none": {}}, "target": {"none": {}}}
)


class Coordinator:
    """A `driftloop.processor.Processor` with keyed state.

    `runs_at_once` bounds the runs in flight over all models of a partition (so that the bound too
    depends on the log alone); None sets no bound.
    """

    def __init__(self, runs_at_once: int | None = None) -> None:
        self._runs_at_once = runs_at_once
        self._specs: dict[str, Declared] = {}
        self._states: dict[Key, ModelState] = {}

    def states(self) -> list[ModelState]:
        """The state of every model of the assigned partitions (for metrics; not to be changed)."""
        return list(self._states.values())

    def process(
        self,
        records: Sequence[Record],
        now: datetime,  # noqa: ARG002  (records carry the time that counts: it is the same on a redo)
        *,
        tables_current: bool = False,
    ) -> Effects:
        batch = _Batch()
        read = [(record, batch.read(record)) for record in records]
        unknown = {message.model_id for _, message in read if message is not None} - self._specs.keys()
        if unknown and not tables_current:
            raise StaleTableError(f"no spec of {', '.join(sorted(unknown))}")
        for record, message in read:
            if message is not None:
                self._take(batch, record, message)
        return self._effects(batch, list(batch.touched))

    def wake(self, now: datetime) -> Effects:
        batch = _Batch()
        for key, state in self._states.items():
            known = self._specs.get(state.model_id)
            if known is None:
                _note_withdrawn(batch, key, state, now)
                continue
            place = _Place(key, known, now)
            self._notice(batch, place)
            self._go_on(batch, place)
            due = decides_at(state, known)
            if due is not None and due <= now:
                step = self._step(place, now, derive_id("wake", state.model_id, due.isoformat()))
                state.retry_at = None
                lifecycle.settle(step)
                intake.consider(step)
                intake.note_waits(step)
                batch.done(place, step)
            due = reminds_at(state, known)
            if due is not None and due <= now:
                step = self._step(place, now, derive_id("remind", state.model_id, due.isoformat()))
                intake.remind(step)
                batch.done(place, step)
        return self._effects(batch, list(self._states))

    def go_on(self, now: datetime) -> Effects:
        """Take in the frames whose deadline has come by `now` without what did not come; `wake` does it too."""
        batch = _Batch()
        for key, state in self._states.items():
            known = self._specs.get(state.model_id)
            if known is not None:
                self._go_on(batch, _Place(key, known, now))
        return self._effects(batch, list(self._states))

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self.revoke(partition)
        for key, value in state:
            self._states[partition, key] = ModelState.model_validate_json(value)

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        for key in [key for key in self._states if key[0] == partition]:
            del self._states[key]

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        if topic != topics.MODEL_SPECS:
            return
        for record in records:
            if record.value() is None:
                self._specs.pop(key_text(record), None)
                continue
            try:
                published = ModelSpecPublished.from_json(raw_text(record))
            except ValueError:
                continue  # whoever applied it was told; the model keeps its last good spec
            before = self._specs.get(published.model_id)
            if before is None or published.spec_version >= before.spec_version:
                self._specs[published.model_id] = declared(published)

    def _take(self, batch: "_Batch", record: Record, message: Incoming) -> None:
        known = self._specs.get(message.model_id)
        key = record.partition(), message.model_id
        at = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        if known is None:
            if key in self._states:
                _note_withdrawn(batch, key, self._states[key], at)
            self._refuse_unknown(batch, message)
            return
        place = _Place(key, known, at)
        self._states.setdefault(place.key, ModelState(model_id=message.model_id))
        self._notice(batch, place)
        if isinstance(message, ModelCommand | TrainingResult):
            self._answer(batch, place, message)
        else:
            self._add(batch, place, message, raw_text(record))

    def _add(self, batch: "_Batch", place: "_Place", message: FrameMessage, raw: str) -> None:
        state = self._states[place.key]
        if not merge.add(state, message, raw, place.at):
            batch.ignore("frame already taken in")
            return
        batch.touched[place.key] = place.at
        self._drain(batch, place)

    def _drain(self, batch: "_Batch", place: "_Place", *, until: datetime | None = None) -> None:
        """Take in every frame that is complete by now, and those whose deadline has come by `until`."""
        state, known = self._states[place.key], place.known
        always = known.scored_always
        while (frame := merge.next_complete(state, known.spec, scored_always=always, until=until)) is not None:
            moment = frame.status.as_of if known.spec.clock == "event" else frame.at
            step = self._step(place, moment, frame.status.message_id)
            intake.take_in(step, frame)
            batch.done(place, step)

    def _go_on(self, batch: "_Batch", place: "_Place") -> None:
        due = goes_on_at(self._states[place.key], place.known)
        if due is not None and due <= place.at:
            self._drain(batch, place, until=place.at)

    def _notice(self, batch: "_Batch", place: "_Place") -> None:
        """Where the spec declares another target than the last one that was seen, forget and say so."""
        state, known = self._states[place.key], place.known
        if not retarget.is_new(state, known.target):
            if state.spec_seen != known.spec_version or "spec" in state.waits:
                state.spec_seen = known.spec_version
                state.waits.pop("spec", None)
                intake.note_waits(Step.of(state, known, state.as_of or place.at))
                batch.touched[place.key] = place.at
            return
        moment = (state.as_of or place.at) if known.spec.clock == "event" else place.at
        step = self._step(place, moment, derive_id("target", state.model_id, known.spec_version))
        state.spec_seen = known.spec_version
        retarget.notice(step)
        intake.note_waits(step)
        batch.done(place, step)

    def _step(self, place: "_Place", moment: datetime, cause: UUID) -> Step:
        step = _step(self._states[place.key], place.known, moment, cause)
        step.fleet = self._fleet(place.key[0])
        return step

    def _answer(self, batch: "_Batch", place: "_Place", message: ModelCommand | TrainingResult) -> None:
        state, known = self._states[place.key], place.known
        if message.message_id in state.commands:
            batch.ignore("repeated")
            return
        moment = place.at if known.spec.clock == "wall" else state.as_of or message.occurred_at
        step = self._step(place, moment, message.message_id)
        if isinstance(message, TrainingResult):
            if not runs.end(step, message):
                batch.ignore("result of no run that is waited for")
        else:
            commands.obey(step, message)
        state.commands = [*state.commands, message.message_id][-COMMANDS_KEPT:]
        intake.note_waits(step)
        batch.done(place, step)
        self._drain(batch, place)

    def _effects(self, batch: "_Batch", keys: Sequence[Key]) -> Effects:
        """What the batch wants done; what each touched model waits for is brought up to now."""
        for key, at in batch.touched.items():
            known = self._specs.get(key[1])
            if known is not None:
                intake.note_frames(self._states[key], known, at)
        return batch.effects(self._wishes(keys), self._states)

    def _refuse_unknown(self, batch: "_Batch", message: Incoming) -> None:
        if not isinstance(message, ModelCommand):
            batch.ignore("unknown model")
            return
        nobody = Declared(1, _NO_SPEC, Policy(name="none", triggers=Triggers(harmful_drift=False)))
        step = _step(ModelState(model_id=message.model_id), nobody, message.occurred_at, message.message_id)
        step.decision("refuse", message.command, f"there is no model {message.model_id}: apply its spec first")
        batch.outgoing += step.outgoing

    def _fleet(self, partition: int) -> tuple[int, int] | None:
        if self._runs_at_once is None:
            return None
        running = sum(1 for key, state in self._states.items() if key[0] == partition and state.run is not None)
        return running, self._runs_at_once

    def _wishes(self, keys: Iterable[Key]) -> list[datetime]:
        found = [
            next_moment(self._states[key], self._specs[key[1]])
            for key in keys
            if key in self._states and key[1] in self._specs
        ]
        return [moment for moment in found if moment is not None]


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose message it is, what is declared of that model, and when the log took the message."""

    key: Key
    known: Declared
    at: datetime


class _Batch:
    """What a call of the processor has gathered so far."""

    def __init__(self) -> None:
        self.outgoing: list[Outgoing] = []
        self.touched: dict[Key, datetime] = {}
        """Models whose state changed, and the moment of the last change."""
        self._dead: list[DeadLetter] = []
        self._ignored: dict[str, int] = {}

    def read(self, record: Record) -> Incoming | None:
        """The message of a record, or None and a dead letter."""
        found = decode_each([record], decode)
        self._dead += found.dead
        return found.messages[0][1] if found.messages else None

    def ignore(self, why: str) -> None:
        """Count a record that was right to drop."""
        self._ignored[why] = self._ignored.get(why, 0) + 1

    def done(self, place: _Place, step: Step) -> None:
        """Keep what a step sends."""
        self.touched[place.key] = place.at
        self.outgoing += step.outgoing

    def effects(self, wishes: list[datetime], states: dict[Key, ModelState]) -> Effects:
        """All of it as effects."""
        changes = [StateChange(key[0], key[1], states[key].to_json()) for key in sorted(self.touched)]
        return Effects(
            tuple(self.outgoing), tuple(changes), tuple(self._dead), self._ignored, min(wishes, default=None)
        )


def _note_withdrawn(batch: _Batch, key: Key, state: ModelState, now: datetime) -> None:
    """A model whose spec was withdrawn stands still: its state is kept for the day when it is applied again."""
    if "spec" not in state.waits:
        state.waits = {"spec": now}
        batch.touched[key] = now


def _step(state: ModelState, known: Declared, moment: datetime, cause: UUID) -> Step:
    state.as_of = moment if state.as_of is None else max(state.as_of, moment)
    return Step.of(state, known, state.as_of, cause)
