"""The coordinator as the runtime sees it: records in, effects out, one state entry a model."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.training_results import TrainingResult
from driftloop.cores.checkpoints import Checkpoints
from driftloop.cores.collector import no_collection
from driftloop.cores.record_fields import key_text
from driftloop.processor import Effects, KeptOut, Record, StaleTableError
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import Policy, Triggers
from retrain_coordinator.core import intake
from retrain_coordinator.core.batch import Batch, Key
from retrain_coordinator.core.decoding import Incoming, raw_text
from retrain_coordinator.core.handlers import HANDLERS, Desk, go_on, notice_spec
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.specs import Declared, DeclaredSpecs
from retrain_coordinator.core.state import ModelState, read_entry
from retrain_coordinator.core.step import Step
from retrain_coordinator.core.timers import Looks, decides_at, next_moment, reminds_at

_NO_SPEC = ModelSpec.model_validate(
    {"model_id": "unknown", "task": "binary", "features": {"none": {}}, "target": {"none": {}}}
)


class Coordinator:
    """A `driftloop.processor.Processor` with keyed state.

    `runs_at_once` bounds the runs in flight over all models of a partition (so that the bound too
    depends on the log alone); None sets no bound. `checkpoints` says when a model's state is published; None: never.
    """

    def __init__(self, runs_at_once: int | None = None, checkpoints: Checkpoints | None = None) -> None:
        self._runs_at_once, self._checkpoints = runs_at_once, checkpoints
        self._specs = DeclaredSpecs()
        self._states: dict[Key, ModelState] = {}
        self._looks = Looks()

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
        batch = Batch()
        read = batch.read(records)
        unknown = {message.model_id for _, message in read if self._specs.get(message.model_id) is None}
        if unknown and not tables_current:
            raise StaleTableError(f"no spec of {', '.join(sorted(unknown))}")
        for record, message in read:
            self._take(batch, record, message)
        return self._effects(batch, self._wishes(batch.touched))

    def wake(self, now: datetime) -> Effects:
        batch, looks = Batch(), self._looks
        for key in looks.due(now):
            state = self._states[key]
            known = self._specs.get(state.model_id)
            if known is None:
                _note_withdrawn(batch, key, state, now)
                looks.looked(key, None, waits=False)
                continue
            desk = self._desk(batch, key, known, now)
            notice_spec(desk)
            go_on(desk)
            _decide_if_due(desk)
            _remind_if_due(desk)
            looks.looked(key, next_moment(state, known, now), waits=bool(state.waiting))
        return self._effects(batch, [] if looks.next is None else [looks.next])

    def go_on(self, now: datetime) -> Effects:
        """Take in the frames whose deadline has come by `now` without what did not come; `wake` does it too."""
        batch = Batch()
        for key, state in self._states.items():
            known = self._specs.get(state.model_id)
            if known is not None:
                go_on(self._desk(batch, key, known, now))
        return self._effects(batch, self._wishes(self._states))

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self.revoke(partition)
        with no_collection():
            for key, value in state:
                self._states[partition, key] = read_entry(value)
                self._looks.disturb((partition, key))

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        for key in [key for key in self._states if key[0] == partition]:
            del self._states[key]
            self._looks.forget(key)

    def take_table(self, topic: str, records: Sequence[Record]) -> Sequence[KeptOut] | None:
        if topic != topics.MODEL_SPECS:
            return None
        with no_collection():
            self._looks.declare(map(key_text, records))
            return self._specs.take(records)

    def _take(self, batch: Batch, record: Record, message: Incoming) -> None:
        known = self._specs.get(message.model_id)
        key = record.partition(), message.model_id
        at = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        if known is None:
            if key in self._states:
                _note_withdrawn(batch, key, self._states[key], at)
            _refuse_unknown(batch, message)
            return
        state = self._states.setdefault(key, ModelState(model_id=message.model_id))
        self._looks.disturb(key)
        if self._checkpoints is not None and isinstance(message, ModelCommand | TrainingResult):
            state.note_arrival(record.topic(), record.offset())
        desk = self._desk(batch, key, known, at)
        notice_spec(desk)
        HANDLERS[type(message)](desk, message, raw_text(record))

    def _desk(self, batch: Batch, key: Key, known: Declared, at: datetime) -> Desk:
        fleet = partial(self._fleet, key[0])
        return Desk(batch, key, self._states[key], known, at, fleet, self._checkpoints)

    def _effects(self, batch: Batch, wishes: Sequence[datetime]) -> Effects:
        """What the batch wants done; what each touched model waits for is brought up to now."""
        for key, at in batch.touched.items():
            known = self._specs.get(key[1])
            if known is not None:
                intake.note_frames(self._states[key], known, at)
        return batch.effects(wishes, self._states)

    def _fleet(self, partition: int) -> tuple[int, int] | None:
        if self._runs_at_once is None:
            return None
        running = sum(1 for key, state in self._states.items() if key[0] == partition and state.run is not None)
        return running, self._runs_at_once

    def _wishes(self, keys: Iterable[Key]) -> list[datetime]:
        found = [
            next_moment(self._states[key], known)
            for key in keys
            if key in self._states and (known := self._specs.get(key[1])) is not None
        ]
        return [moment for moment in found if moment is not None]


def _decide_if_due(desk: Desk) -> None:
    """A calendar, a safeguard's moment or a veto window has come."""
    state, due = desk.state, decides_at(desk.state, desk.known)
    if due is None or due > desk.at:
        return
    step = desk.step(desk.at, derive_id("wake", state.model_id, due.isoformat()))
    state.retried()
    lifecycle.settle(step)
    intake.consider(step)
    intake.note_waits(step)
    desk.done(step)


def _remind_if_due(desk: Desk) -> None:
    """A harm has stood for long, and nothing came of it."""
    due = reminds_at(desk.state, desk.known)
    if due is None or due > desk.at:
        return
    step = desk.step(desk.at, derive_id("remind", desk.state.model_id, due.isoformat()))
    intake.remind(step)
    desk.done(step)


def _note_withdrawn(batch: Batch, key: Key, state: ModelState, now: datetime) -> None:
    """A model whose spec was withdrawn stands still: its state is kept for the day when it is applied again."""
    if "spec" not in state.waits:
        state.keep_waits({"spec": now})
        batch.touch(key, now)


def _refuse_unknown(batch: Batch, message: Incoming) -> None:
    """A model without a spec: what was measured is dropped, a person gets an answer."""
    if not isinstance(message, ModelCommand):
        batch.ignore("unknown model")
        return
    nobody = Declared(1, _NO_SPEC, Policy(name="none", triggers=Triggers(harmful_drift=False)))
    state = ModelState(model_id=message.model_id)
    step = Step.of(state, nobody, state.advance_to(message.occurred_at), message.message_id)
    step.decision("refuse", message.command, f"there is no model {message.model_id}: apply its spec first")
    batch.send(step)
