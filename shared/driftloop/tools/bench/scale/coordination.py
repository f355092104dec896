"""The coordinator by models, and by the length of a model's history."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from driftloop.contracts.message import FramePosition
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS
from driftloop.spec.compatibility import target_of
from driftloop.testing.clock import START as CLOCK_START
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.scale.axis import GROUPS, Axis, Step, Work
from driftloop.tools.bench.scale.told import first_statuses, of_model, statuses
from driftloop.tools.bench.watched import declared, renamed
from retrain_coordinator.core.processor import Coordinator
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.state.entries import VersionEntry

_SAMPLE, _NEXT, _ROWS = 60, 12, 500


def _coordinator(models: int) -> Coordinator:
    """On the wall clock, so that a look at a model is as dear as it gets."""
    core = Coordinator()
    spec = declared(10)[0].replace(b'"clock":"event"', b'"clock":"wall"')
    names = [f"model-{number}" for number in range(models)]
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=name, value=renamed(spec, name)) for name in names])
    return core


def _told(core: Coordinator, models: int) -> Coordinator:
    for number in range(models):
        _take(core, [of_model(first_statuses()[0], f"model-{number}")])
    return core


def _take(core: Coordinator, records: Sequence[FakeRecord]) -> None:
    core.process(records, CLOCK_START, tables_current=True)


def _all(core: Coordinator, said: Sequence[Sequence[FakeRecord]]) -> Coordinator:
    for records in said:
        _take(core, records)
    return core


def _by_models(models: int) -> Work:
    core, step = _coordinator(models), max(models // _SAMPLE, 1)
    nexts = [of_model(first_statuses()[1], f"model-{number}") for number in range(0, models, step)]
    return Work([partial(_take, core, [record]) for record in nexts], lambda: _told(core, models))


def _by_models_woken(models: int) -> Work:
    """Each model is looked at once."""
    core = _coordinator(models)
    steps: list[Step] = [partial(core.wake, CLOCK_START + timedelta(seconds=second)) for second in range(GROUPS)]
    return Work(steps, lambda: _told(core, models))


def _by_models_restored(models: int) -> Work:
    core = _told(_coordinator(models), models)
    entries = [(state.model_id, state.to_json()) for state in core.states()]

    def restart() -> Coordinator:
        fresh = _coordinator(models)
        fresh.restore(0, entries)
        return fresh

    return Work([restart] * GROUPS)


def _by_calendars(models: int) -> Work:
    """Each model has a moment of its own at which it asks for a run: a round of all of them."""
    spec = ModelSpecPublished.from_json(declared(10)[0])
    aged = spec.spec.model_copy(update={"policy": "plant-regression", "clock": "wall"})
    text = spec.model_copy(update={"spec": aged}).to_json()
    core, names = Coordinator(), [f"model-{number}" for number in range(models)]
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=name, value=renamed(text, name)) for name in names])
    core.restore(0, [(name, _serving(name, minutes, target_of(aged)).to_json()) for minutes, name in enumerate(names)])

    def round_of_all() -> None:
        at = core.wake(CLOCK_START).wake_at
        for _ in names:
            assert at is not None
            at = core.wake(at).wake_at

    return Work([round_of_all])


def _serving(model: str, minutes: int, target: str) -> ModelState:
    """A model whose version has served since some minutes after the start."""
    entry = VersionEntry(
        version="1.0.0", status="registered", spec_version=1, artifact="a", sha256="0" * 64, target=target
    )
    state = ModelState(model_id=model, versions={"1.0.0": entry}, target=target, spec_seen=1)
    state.move("1.0.0", "promoted")
    state.serve("1.0.0", CLOCK_START + timedelta(minutes=minutes), None)
    state.begin_schedule(CLOCK_START + timedelta(minutes=minutes))
    state.count_rows(_ROWS, _ROWS)
    state.apply_frame(FramePosition(partition=0, offset=0))
    return state


def _by_history(frames: int) -> Work:
    core, said = _coordinator(1), [records for _, records in statuses(frames + _NEXT)]
    return Work(
        [partial(_take, core, records) for records in said[frames:]],
        partial(_all, core, said[:frames]),
    )


_MODELS = (100, 300, 1_000, 3_000, 10_000)

AXES = (
    Axis("coordinator, models", "a status", _MODELS, _by_models, (4, 8, 16), 0),
    Axis("coordinator, models woken", "a wake", _MODELS, _by_models_woken, (4, 8, 16)),
    Axis("coordinator, models with a calendar", "a round", (10, 30, 100, 300, 1_000), _by_calendars, (4, 8, 16)),
    Axis("coordinator, models at a restart", "the restart", _MODELS, _by_models_restored, (4, 8, 16)),
    Axis("coordinator, frames of a model's history", "a frame", (10, 30, 100, 300, 1_000), _by_history, (2, 4, 8), 0),
)
